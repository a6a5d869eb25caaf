"""What a reference stands for follows from the journal alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import Mend
from remit.gate.fields import LADDER, TRUSTED, at, labelled
from remit.gate.known import Known
from remit.journal.events import Acted, Answered, AnyBody, Call, Event
from remit.journal.refs import Pointer, arguments
from remit.journal.refs import given as given_to
from remit.journal.state import State, fold

scalars = st.integers() | st.text(max_size=4) | st.none() | st.booleans()
names = st.sampled_from(["a", "b", "", "0", "a/b", "~", "~1", "ä"])
results = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
fields = st.dictionaries(
    st.sampled_from(["*", "a", "b", "[]", "[].a", "a.b", "a[]", "*.a"]), st.sampled_from(LADDER), max_size=4
)


def run(*bodies: AnyBody) -> State:
    run_id, now = uuid4(), datetime(2026, 11, 21, tzinfo=UTC)
    return fold(Event(run_id, seq, now, body) for seq, body in enumerate(bodies, 1))


def after(result: Any, args: dict[str, Any]) -> State:
    """A call with these arguments, after one that had this result."""
    return run(
        Answered(model="m", calls=[Call(id="1.1", tool="read", args={})]),
        Acted(call_id="1.1", tool="read", result=result),
        Answered(model="m", calls=[Call(id="2.1", tool="send", args=args)]),
    )


def places(value: Any, here: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every part of a value and where it stands."""
    yield here, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*here, str(key)))


def written(steps: tuple[str, ...]) -> str:
    return "1.1#" + "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)


@given(results)
def test_each_place_in_a_result_is_found_by_its_pointer(result: Any) -> None:
    for steps, value in places(result):
        state = after(result, {"to": {"$ref": written(steps)}, "more": [{"x": {"$ref": written(steps)}}]})
        found, pointers = arguments(state, state.calls["2.1"])
        assert found == {"to": value, "more": [{"x": value}]}
        assert pointers == {name: (Pointer("1.1", steps),) for name in ("to", "more")}


@given(results, st.text(max_size=12))
def test_any_other_pointer_is_an_error_that_the_model_can_mend(result: Any, text: str) -> None:
    there = {written(steps) for steps, _ in places(result)}
    state = after(result, {"to": {"$ref": f"1.1#/{text}"}})
    try:
        arguments(state, state.calls["2.1"])
    except Mend:
        assert given_to(state, state.calls["2.1"]) == {"to": {"$ref": f"1.1#/{text}"}}
    else:
        assert f"1.1#/{text}" in there or "~" in text


@given(results, fields)
def test_what_is_taken_by_reference_has_the_label_of_its_place(result: Any, said: dict[str, str]) -> None:
    known = Known()
    known.learn(result, False, "read", {}, said or {"*": "untrusted"}, "1.1")
    for steps, _ in places(result):
        taken = known.pointed("text", Pointer("1.1", steps))
        labels = list(at(result, said or {"*": "untrusted"}, steps))
        assert [leaf for leaf, _ in taken] == [leaf for leaf, _ in labels]
        for (_, trusted), (_, label) in zip(taken, labels, strict=True):
            assert not trusted or label in TRUSTED


@given(results)
def test_a_leaf_under_an_untrusted_path_never_vouches_by_reference(result: Any) -> None:
    known = Known()
    known.learn(
        {"bad": result, "good": result}, False, "read", {}, {"*": "system", "bad": "untrusted"}, "1.1"
    )
    assert not any(trusted for _, trusted in known.pointed("text", Pointer("1.1", ("bad",))))
    assert list(labelled(result, {})) == list(
        at({"bad": result}, {"*": "system", "bad": "untrusted"}, ("bad",))
    )


def test_what_is_no_reference_is_left_as_it_is() -> None:
    args = {
        "a": {"$ref": "#/x"},
        "b": {"$ref": "1.1#", "more": 1},
        "c": {"$ref": 3},
        "d": '{"$ref": ',
        "e": ["$ref"],
    }
    state = after({}, args)
    assert arguments(state, state.calls["2.1"]) == (args, {})


def test_a_call_of_the_same_answer_and_one_that_comes_later_cannot_be_referred_to() -> None:
    calls = [Call(id="1.1", tool="read", args={}), Call(id="1.2", tool="send", args={"to": {"$ref": "1.1#"}})]
    state = run(Answered(model="m", calls=calls), Acted(call_id="1.1", tool="read", result="x"))
    with pytest.raises(Mend, match=r"there is no result 1\.1"):
        arguments(state, state.calls["1.2"])


@pytest.mark.parametrize("status", ["mend", "denied", "rejected", "failed", "unknown"])
def test_what_did_not_come_to_a_result_cannot_be_referred_to(status: Any) -> None:
    state = run(
        Answered(model="m", calls=[Call(id="1.1", tool="read", args={})]),
        Acted(call_id="1.1", tool="read", status=status, result="x"),
        Answered(model="m", calls=[Call(id="2.1", tool="send", args={"to": {"$ref": "1.1#"}})]),
    )
    with pytest.raises(Mend, match="no results yet"):
        arguments(state, state.calls["2.1"])
