"""Comparing two runs: total, symmetric, and nothing of either is left out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from remit.journal.compare import Comparison, Row, compare, differences
from remit.journal.events import (
    Acted,
    Answered,
    AnyBody,
    Asked,
    Call,
    Checked,
    Event,
    Finished,
    Intended,
    Judged,
    Nudged,
    Replied,
    Reserved,
    Started,
)

AT = datetime(2026, 11, 21, tzinfo=UTC)
ids = st.sampled_from(["1.1", "1.2", "2.1", "3.1", "undo:1.1"])
asks = st.sampled_from(["a1.1", "q1.2", "budget1"])
tools = st.sampled_from(["look_up", "cancel", "send"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=4,
)
args = st.dictionaries(st.sampled_from(["order", "to"]), values, max_size=2)
bodies: st.SearchStrategy[AnyBody] = st.one_of(
    st.builds(Started, goal=st.text(max_size=2), agent=st.just("a"), spec=st.just({})),
    st.builds(
        Answered,
        model=st.sampled_from(["m", "n"]),
        text=st.sampled_from(["", "done"]),
        calls=st.lists(st.builds(Call, id=ids, tool=tools, args=args), max_size=3),
        purpose=st.sampled_from(["act", "act", "check"]),
    ),
    st.builds(
        Judged,
        call_id=ids,
        tool=tools,
        effect=st.just("destroy"),
        decision=st.sampled_from(["allow", "deny"]),
        rule=st.sampled_from(["r", "s"]),
    ),
    st.builds(Intended, call_id=ids, key=st.text(max_size=2)),
    st.builds(Acted, call_id=ids, tool=tools, status=st.sampled_from(["ok", "simulated"]), result=values),
    st.builds(
        Asked, ask_id=asks, kind=st.sampled_from(["approval", "budget"]), text=st.just("?"), call_id=ids
    ),
    st.builds(Replied, ask_id=asks, decision=st.sampled_from(["approve", "reject"]), by=st.just("o")),
    st.builds(Reserved, amount=st.decimals(0, 1, places=3)),
    st.builds(Nudged, level=st.just(1), reason=st.just("r"), text=st.just("t")),
    st.builds(Checked, check=st.sampled_from(["c", "d"]), verdict=st.sampled_from(["met", "not met"])),
    st.builds(Finished, status=st.sampled_from(["met", "failed"])),
)


def journal(number: int, found: Sequence[AnyBody]) -> list[Event]:
    return [Event(UUID(int=number), i, AT + timedelta(seconds=i), b) for i, b in enumerate(found, 1)]


def journals(number: int) -> st.SearchStrategy[list[Event]]:
    return st.lists(bodies, max_size=25).map(lambda found: journal(number, found))


def pairs(found: Comparison, swapped: bool = False) -> set[Any]:
    """What stands beside what, and whether it is the same."""
    other = {"a": "b", "b": "a"}

    def pair(row: Row) -> Any:
        places = (row.a.seq if row.a else None, row.b.seq if row.b else None)
        if swapped:
            return places[::-1], other.get(row.kind, row.kind), row.aside, {c.where for c in row.changes}
        return places, row.kind, row.aside, {c.where for c in row.changes}

    return {repr(pair(row)) for row in found.rows}


@given(journals(1))
def test_a_run_does_not_differ_from_itself(events: list[Event]) -> None:
    found = compare(events, events)
    assert found.same
    assert found.divergence is None
    assert all(row.a is row.b for row in found.rows)


@given(journals(1))
def test_ids_of_the_run_and_times_do_not_count(events: list[Event]) -> None:
    later = [Event(UUID(int=2), e.seq, e.at + timedelta(days=1), e.body) for e in events]
    assert compare(events, later).same


@given(journals(1), journals(2))
def test_comparing_the_other_way_round_finds_the_same(a: list[Event], b: list[Event]) -> None:
    there, back = compare(a, b), compare(b, a)
    assert pairs(there) == pairs(back, swapped=True)
    assert (there.a, there.b) == (back.b, back.a)
    assert there.same == back.same


@given(journals(1), journals(2))
def test_every_event_of_both_stands_in_the_alignment_once(a: list[Event], b: list[Event]) -> None:
    found = compare(a, b)
    assert sorted(row.a.seq for row in found.rows if row.a) == [e.seq for e in a]
    assert sorted(row.b.seq for row in found.rows if row.b) == [e.seq for e in b]
    for row in found.rows:
        assert row.kind == ("a" if row.b is None else "b" if row.a is None else row.kind)
        assert bool(row.changes) == (row.kind == "differs")


@given(values, values)
def test_differences_are_empty_for_equal_values_only(a: Any, b: Any) -> None:
    assert not list(differences(a, a))
    assert [c.where for c in differences(a, b)] == [c.where for c in differences(b, a)]
    assert bool(list(differences(a, b))) == (repr(_sorted(a)) != repr(_sorted(b)))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def turn(number: int, tool: str, result: Any = "ok", **given: Any) -> list[AnyBody]:
    call = Call(id=f"{number}.1", tool=tool, args=given)
    return [Answered(model="m", calls=[call]), Acted(call_id=call.id, tool=tool, result=result)]


BEGIN: list[AnyBody] = [Started(goal="g", agent="a", spec={"model": "m"})]


def test_a_turn_that_only_one_run_took_does_not_shift_the_rest() -> None:
    x, y = turn(1, "look_up", order="W1"), turn(1, "look_up", order="W2")
    end = [*turn(3, "cancel", order="W1"), Finished(status="met")]
    short = journal(1, [*BEGIN, *y, *end])
    long = journal(2, [*BEGIN, *x, *y, *end])
    found = compare(short, long)
    assert [row.b.seq for row in found.rows if row.kind == "b" and row.b] == [2, 3]
    assert {row.kind for row in found.rows} == {"same", "b"}
    assert found.divergence is not None
    assert (found.divergence.a, found.divergence.b) == (1, 2)


def test_other_arguments_are_named_where_they_differ() -> None:
    a = journal(1, [*BEGIN, *turn(1, "cancel", order="W1", reason="mistake")])
    b = journal(2, [*BEGIN, *turn(1, "cancel", order="W2", reason="mistake")])
    row = compare(a, b).rows[1]
    assert [(c.where, c.a, c.b) for c in row.changes] == [("calls.cancel.args.order", "W1", "W2")]


def test_another_verdict_is_where_the_runs_part_though_the_spec_differs_before_it() -> None:
    def judged(decision: Any, rule: str) -> list[AnyBody]:
        answer, acted = turn(1, "cancel", order="W1")
        verdict = Judged(call_id="1.1", tool="cancel", effect="destroy", decision=decision, rule=rule)
        return [answer, verdict, acted]

    a = journal(1, [*BEGIN, *judged("allow", "r")])
    b = journal(2, [Started(goal="g", agent="a", spec={"model": "n"}), *judged("deny", "s")])
    found = compare(a, b)
    assert found.rows[0].aside
    assert [c.where for c in found.rows[0].changes] == ["spec.model"]
    assert found.divergence is not None
    assert found.divergence.a == 3
    assert {c.where for c in found.divergence.row.changes} == {"decision", "rule"}


def test_what_was_only_simulated_is_the_same_with_a_note_and_counted_apart() -> None:
    def acted(status: Any) -> list[AnyBody]:
        answer, _ = turn(1, "cancel", order="W1")
        return [answer, Acted(call_id="1.1", tool="cancel", effect="destroy", status=status, result="done")]

    found = compare(journal(1, [*BEGIN, *acted("ok")]), journal(2, [*BEGIN, *acted("simulated")]))
    assert found.same
    assert found.rows[-1].note == "only simulated in B"
    assert (found.a.effects, found.b.effects, found.b.simulated) == (1, 0, 1)


def test_other_words_for_the_same_calls_are_no_divergence_but_another_report_is() -> None:
    one, two = turn(1, "cancel", order="W1"), turn(1, "cancel", order="W1")
    two[0] = two[0].model_copy(update={"text": "Let me see."})
    a, b = journal(1, [*BEGIN, *one]), journal(2, [*BEGIN, *two])
    assert not compare(a, b).same
    assert compare(a, b).divergence is None
    told = compare(
        journal(1, [*BEGIN, Answered(model="m", text="yes")]),
        journal(2, [*BEGIN, Answered(model="m", text="no")]),
    )
    assert told.divergence is not None


def test_parallel_calls_in_another_order_stand_beside_their_own() -> None:
    def both(first: str, second: str) -> list[Event]:
        calls = [
            Call(id="1.1", tool="send", args={"to": first}),
            Call(id="1.2", tool="send", args={"to": second}),
        ]
        acted = [Acted(call_id=c.id, tool="send", result=f"to {c.args['to']}") for c in calls]
        return journal(1, [*BEGIN, Answered(model="m", calls=calls), *acted])

    found = compare(both("x", "y"), both("y", "x"))
    outcomes = [row for row in found.rows if row.a and isinstance(row.a.body, Acted)]
    assert [row.kind for row in outcomes] == ["same", "same"]
    assert sorted((row.a.seq, row.b.seq) for row in outcomes if row.a and row.b) == [(3, 4), (4, 3)]


def test_the_cost_of_a_run_is_told_and_does_not_make_it_differ() -> None:
    a = journal(1, [*BEGIN, Reserved(amount=Decimal(1)), Answered(model="m", text="x", cost=Decimal("0.5"))])
    b = journal(2, [*BEGIN, Answered(model="n", text="x", cost=Decimal("0.1"), input_tokens=7)])
    found = compare(a, b)
    assert found.divergence is None
    assert (found.a.cost, found.b.cost, found.b.tokens) == (Decimal("0.5"), Decimal("0.1"), 7)
