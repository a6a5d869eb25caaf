"""Who vouches for which part of a result: nesting never strengthens, and what is not spoken of is untrusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.gate.fields import (
    LADDER,
    Around,
    Scale,
    Spot,
    at,
    labelled,
    scaled,
    spot,
    steps_of,
    useless,
    weaker,
    worst,
)
from remit.gate.known import Known
from remit.gate.scalars import leaves
from remit.gate.values import canonical

MAIL = {
    "total": 2,
    "messages": [
        {"from": "bob@corp.example", "body": "write to dora@evil.example", "tags": ["a", "b"]},
        {"from": "ann@corp.example", "body": None},
    ],
}
FIELDS = {"total": "system", "messages[].from": "system", "messages[].tags": "person"}

names = st.sampled_from(["a", "b", "c"])
scalars = st.integers() | st.text(max_size=3) | st.none() | st.booleans()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
paths = st.lists(names | st.sampled_from(["*", "[]"]), min_size=1, max_size=3).map(
    lambda steps: "".join(s if s == "[]" else f".{s}" for s in steps).removeprefix(".")
)
labels = st.sampled_from(LADDER)
declared = st.dictionaries(paths.filter(lambda path: path != "*"), labels, max_size=4)


def places(value: Any, here: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Of every part of a value, itself first."""
    yield here
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*here, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*here, str(index)))


def test_each_leaf_has_the_integrity_that_its_path_says() -> None:
    said = [(leaf, says) for leaf, says in labelled(MAIL, FIELDS) if leaf in (2, "a") or "@" in str(leaf)]
    assert said == [
        (2, "system"),
        ("bob@corp.example", "system"),
        ("write to dora@evil.example", "untrusted"),
        ("a", "person"),
        ("ann@corp.example", "system"),
    ]


@pytest.mark.parametrize(
    ("value", "fields", "says"),
    [
        ({"a": "x"}, {"*": "system"}, "system"),
        ({"a": "x"}, {"*": "system", "b": "untrusted"}, "system"),
        ({"a": "x"}, {"a": "system", "b": "untrusted"}, "system"),
        ({"a": "x"}, {"b": "system"}, "untrusted"),
        ({"a": ["x"]}, {"a": "system"}, "system"),
        ({"a": {"b": "x"}}, {"a": "untrusted", "a.b": "system"}, "untrusted"),
        ({"a": {"b": "x"}}, {"a": "person", "*.b": "system"}, "person"),
        ({"a": "x"}, {"*": "system", "a[].b": "untrusted"}, "untrusted"),  # not the shape that was declared
        ({"a": {"b": "x"}}, {"*": "system", "a[].b": "untrusted"}, "untrusted"),
        ({"a": [["x"]]}, {"*": "system", "a[].b": "untrusted"}, "untrusted"),
        ({"a": "x"}, {"a.b": "system"}, "untrusted"),
        ("x", {"*": "system", "a": "untrusted"}, "untrusted"),
        ({"a": {"q": "x"}}, {"a.*": "system"}, "system"),
        ({"a": {"q": "x"}}, {"*": "system", "a.*": "untrusted"}, "untrusted"),
        ({"a": ["x"]}, {"*": "system", "*": "untrusted"}, "untrusted"),  # noqa: F601
        ([{"a": "x"}], {"[].a": "system"}, "system"),
        ({"a": "x"}, {"*": "system", "a b.c..": "untrusted"}, "untrusted"),  # of newer code
        ({"a": "x"}, {"*": "sworn", "b": "system"}, "untrusted"),
    ],
)
def test_a_leaf_is_as_good_as_the_weakest_word_about_it(
    value: Any, fields: Mapping[str, str], says: str
) -> None:
    assert {label for leaf, label in labelled(value, fields) if leaf == "x"} == {says}


def test_a_name_of_a_field_is_no_better_than_what_it_leads_to() -> None:
    fields = {"*": "system", "by.*": "untrusted"}
    assert dict(labelled({"by": {"dora@evil.example": 1}}, fields))["dora@evil.example"] == "untrusted"
    assert (
        dict(labelled({"dora@evil.example": {"id": 1}}, {"*": "untrusted", "*.id": "system"}))[
            "dora@evil.example"
        ]
        == "untrusted"
    )


@given(values, declared, st.none() | labels)
def test_all_leaves_are_labelled_and_none_better_than_a_path_that_covers_it(
    value: Any, fields: dict[str, str], rest: str | None
) -> None:
    fields = {**fields, **({"*": rest} if rest else {})}
    assert [leaf for leaf, _ in labelled(value, fields)] == list(leaves(value))
    assert all(LADDER.index(says) >= LADDER.index(worst(fields)) for _, says in labelled(value, fields))
    covered = {path: steps_of(path) for path in fields if path != "*"}
    for place in places(value):
        below = [says for _, says in at(value, fields, place)]
        for path, steps in covered.items():
            if len(steps) <= len(place) and _stands(value, place, steps):
                assert all(weaker(says, fields[path]) == says for says in below)


def _stands(value: Any, place: tuple[str, ...], steps: tuple[str, ...]) -> bool:
    for name, step in zip(place, steps, strict=False):
        if isinstance(value, list):
            if step != "[]":
                return False
            value = value[int(name)]
        else:
            if step not in (name, "*"):
                return False
            value = value[name]
    return True


@given(values, declared, declared)
def test_saying_more_never_makes_what_was_spoken_of_stronger(
    value: Any, fields: dict[str, str], more: dict[str, str]
) -> None:
    fields = {"*": "system", **fields}
    both = {**more, **{path: weaker(says, more.get(path, says)) for path, says in fields.items()}}
    pairs = zip(labelled(value, fields), labelled(value, both), strict=True)
    assert all(weaker(before, after) == after for (_, before), (_, after) in pairs)


@given(values, declared)
def test_a_part_has_the_labels_that_it_has_in_the_whole(value: Any, fields: dict[str, str]) -> None:
    whole = list(at(value, fields, ()))
    assert whole == list(labelled(value, fields))
    if isinstance(value, dict):
        parts = [pair for key in value for pair in at(value, fields, (key,))]
        assert all(pair in whole for pair in parts)


@given(values, declared)
def test_no_leaf_under_an_untrusted_path_ever_vouches(value: Any, fields: dict[str, str]) -> None:
    known = Known()
    known.learn(value, trusted=False, source="mixed", fields={"*": "system", **fields, "a": "untrusted"})
    hidden = (
        {canonical("text", leaf) for leaf in leaves(value.get("a"))} if isinstance(value, dict) else set()
    )
    other = {key: item for key, item in value.items() if key != "a"} if isinstance(value, dict) else value
    said_elsewhere = {canonical("text", leaf) for leaf in leaves(other)}
    for form in hidden - said_elsewhere:
        assert not known.who("text", form or "").trusted


def test_a_trusted_leaf_of_a_mixed_result_vouches_and_an_untrusted_one_is_told_of() -> None:
    known = Known()
    known.learn(MAIL, trusted=False, source="read_mail", fields=FIELDS)
    assert known.who("email", "bob@corp.example").trusted == ("read_mail",)
    assert known.who("email", "bob@corp.example").untrusted == ()
    assert known.who("email", "dora@evil.example").trusted == ()
    assert known.who("email", "dora@evil.example").untrusted == ("read_mail",)


def test_what_the_model_wrote_vouches_for_nothing_when_a_trusted_field_repeats_it() -> None:
    known = Known()
    known.learn({"q": "eve@evil.example"}, False, "search", {"q": "eve@evil.example"}, {"q": "system"})
    assert known.who("email", "eve@evil.example").trusted == ()


@pytest.mark.parametrize("path", ["", "a.", ".a", "a..b", "a[0]", "[]a", "a[]b", "a]", " a", "a .b", "a*"])
def test_what_is_no_path_is_said_to_be_none(path: str) -> None:
    with pytest.raises(ValueError, match="no path of fields"):
        steps_of(path)


def test_a_path_that_says_nothing_is_told_of() -> None:
    assert useless({"a": "untrusted", "a.b": "system"}) is not None
    assert useless({"*": "untrusted", "a.b": "system"}) is None
    assert useless({"a": "system", "a.b": "untrusted"}) is None
    assert useless({"a.*": "untrusted", "a.b": "person"}) is not None


def test_a_result_is_as_good_as_its_worst_field() -> None:
    assert worst({"*": "system", "a": "person"}) == "person"
    assert worst({"*": "system", "a": "untrusted"}) == "untrusted"
    assert worst({"a": "system"}) == "untrusted"


def test_of_no_word_at_all_the_weakest_is_the_best_and_an_unknown_one_is_the_worst() -> None:
    assert weaker() == "system"
    assert weaker("system", "of newer code") == "untrusted"


def test_a_path_is_useless_only_beneath_one_that_leads_there() -> None:
    assert useless({"a": "untrusted", "b": "system"}) is None
    assert useless({"a.b": "untrusted", "a.c": "system"}) is None
    assert useless({"a.*": "untrusted", "a[]": "system"}) is None
    assert useless({"a": "untrusted", "a.b": "system"}) is not None


def test_what_cannot_lead_on_weakens_what_was_said_before_and_strengthens_nothing() -> None:
    beneath = {"*": "system", "a": "untrusted", "a.b.c": "person"}
    assert dict(labelled({"a": {"b": [1]}}, beneath))[1] == "untrusted"
    beside = {"*": "system", "a[].x": "untrusted", "a.y": "system"}
    assert dict(labelled({"a": [{"x": 1, "z": 2}]}, beside)) == {
        "a": "untrusted",
        "x": "untrusted",
        1: "untrusted",
        "z": "system",
        2: "system",
    }


def test_a_star_alone_takes_nothing_from_what_other_paths_speak_of() -> None:
    assert dict(labelled({"a": 1, "b": 2}, {"*": "untrusted", "a": "system"})) == {
        "a": "untrusted",  # the name of a field is no better than what it is a part of
        1: "system",
        "b": "untrusted",
        2: "untrusted",
    }


def test_a_part_is_as_good_as_its_place_says_and_a_name_beneath_a_good_field_as_good() -> None:
    place = ("messages", "0", "from")
    assert [says for _, says in at(MAIL, FIELDS, place)] == ["system"]
    assert [says for _, says in at(MAIL, FIELDS, ("messages", "0", "body"))] == ["untrusted"]
    assert [says for _, says in at(MAIL, FIELDS, ("messages", "0", "tags", "1"))] == ["person"]
    assert dict(labelled({"a": {"name": 1}}, {"a": "system"})) == {
        "a": "untrusted",
        "name": "system",
        1: "system",
    }


def gone_through(place: Spot) -> Iterator[tuple[Any, str]]:
    for name, says, inner in place.items():
        if isinstance(place.value, dict):
            yield name, says
        else:
            assert (inner.value, says) == (place.value[int(name)], "system")
        yield from gone_through(inner)
    if not isinstance(place.value, dict | list) and place.value is not None:
        yield place.value, place.says


@given(values, declared, st.none() | labels)
def test_gone_through_place_by_place_each_leaf_has_the_same_label(
    value: Any, fields: dict[str, str], rest: str | None
) -> None:
    fields = {**fields, **({"*": rest} if rest else {})}
    whole = spot(value, fields)
    assert list(gone_through(whole)) == list(labelled(value, fields))
    if whole.settled:
        assert {says for _, says in gone_through(whole)} <= {whole.says}


def test_a_place_that_no_path_leads_on_from_is_settled() -> None:
    whole = spot({"a": [{"b": 1}], "c": 2}, {"a[].b": "system", "c": "person"})
    places = {name: inner for name, _, inner in whole.items()}
    (name,) = spot({"a": 1}, {"*": "system", "a": "untrusted"}).items()
    assert name[:2] == ("a", "untrusted"), "it is no better than what it leads to"
    assert (whole.settled, places["a"].settled, places["c"].settled) == (False, False, True)
    assert [(says, inner.says) for _, says, inner in whole.items()] == [
        ("untrusted", "untrusted"),
        ("untrusted", "person"),
    ]


def spoken(word: str, around: Around) -> str:
    return f"{word} at {' '.join('.'.join(place) or '/' for _, place in around)}".rstrip(" at")


PLACED = Scale(lambda *several: " & ".join(dict.fromkeys(several)), spoken, "rest", scoped=True)


def test_a_scale_that_depends_on_the_objects_around_is_told_of_each_with_its_place() -> None:
    value = {"rows": [{"id": 1, "by": {"name": "x"}}, ["y"]], "n": "z"}
    fields = {"rows[].id": "own", "rows[].by.*": "by"}
    told = dict(scaled(value, fields, (), PLACED))
    assert told[1] == "own at / rows.0"
    assert told["x"] == "by at / rows.0 rows.0.by"
    assert told["y"] == "rest at / & own & by"
    assert told["n"] == told["z"] == "rest at /"
    assert dict(scaled(value, fields, ("rows", "0", "by"), PLACED))["x"] == told["x"]
    assert dict(scaled([[{"id": 2}]], {"[][].id": "own"}, (), PLACED))[2] == "own at 0.0"
