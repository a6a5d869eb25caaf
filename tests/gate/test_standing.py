"""Who may speak for whom, and how far a yes goes: for any people, hands, limits and times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import UserError
from remit.gate.approval import NOBODY, decided, enough, frozen, may_hand_over, not_for_good
from remit.gate.proposal import Terms
from remit.gate.remembered import Bound
from remit.gate.rules import Rule, compile_rules
from remit.gate.standing import MOST_HANDS, Circle, Handover, Limit, key, loops, same
from remit.journal.events import Asked, Endorsed, Person, Replied

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
NAMES = ["ann", "Bo", "carol", "dora", "eve", "fay"]
names = st.sampled_from(NAMES)
times = st.none() | st.integers(-3, 3).map(lambda hours: AT + hours * HOUR)
hands = st.lists(st.builds(Handover, by=names, to=names, since=times, until=times), max_size=8)
amounts = st.integers(0, 100)


def limit(most: int, *who: str, named: bool = True, tools: tuple[str, ...] = ("*",)) -> Limit:
    may = compile_rules([Rule(("*",), "allow", f"args.amount <= {most}")]).compiled[0]
    return Limit(who, named, tools, may)


LIMITS = {most: limit(most, "x").may for most in (10, 50)}
limits = st.lists(
    st.builds(
        Limit,
        who=st.lists(st.sampled_from([*NAMES, "*"]), min_size=1, max_size=2).map(tuple),
        named=st.just(value=True),
        may=st.sampled_from(list(LIMITS.values())),
    ),
    max_size=4,
)
circles = st.builds(
    Circle,
    handovers=hands,
    limits=limits,
    tool=st.just("pay"),
    facts=amounts.map(lambda amount: {"args": {"amount": amount}}),
)
asks = st.builds(
    lambda by, persons: Asked.model_validate(
        {
            "ask_id": "a1",
            "kind": "approval",
            "text": "?",
            **frozen(Terms(by=tuple(by), persons=persons), AT, {}),
        }
    ),
    st.lists(names, max_size=3, unique=True),
    st.integers(1, 3),
)


def reach(circle: Circle, of: str) -> set[str]:
    """Everybody to whom the word of somebody may have come, by any way of handing on."""
    found, edge = set[str](), {key(of)}
    while edge:
        edge = {key(one.to) for one in circle.handovers if one.holds(AT) and key(one.by) in edge} - found
        found |= edge
    return found


def word(
    asked: Asked, by: str, circle: Circle, before: list[Endorsed] | None = None
) -> Replied | Endorsed | None:
    try:
        return decided(asked, before or [], Person(), "approve", by, "", AT, circle)
    except UserError:
        return None


@given(asks, names, circles)
def test_a_yes_comes_from_who_is_asked_or_through_their_hands_and_never_goes_beyond_anyones_limit(
    asked: Asked, by: str, circle: Circle
) -> None:
    said = word(asked, by, circle)
    if said is None:
        return
    assert not circle.over(by)
    if asked.by and key(by) not in map(key, asked.by):
        owners = [name for name in asked.by if key(by) in reach(circle, name)]
        assert owners
        assert any(not circle.over(name) for name in owners)
        assert not set(map(key, said.instead)).isdisjoint(map(key, owners))


@given(names, circles)
def test_nobody_speaks_for_more_hands_than_the_bound_and_each_way_is_one_of_hands(
    by: str, circle: Circle
) -> None:
    for owner, way in circle.stands_for(by, AT).items():
        assert len(way) + 1 <= MOST_HANDS
        chain = [key(by), *map(key, reversed(way)), key(owner)]
        assert len(set(chain)) == len(chain)
        for to, giver in pairwise(chain):
            assert any((key(h.by), key(h.to)) == (giver, to) and h.holds(AT) for h in circle.handovers)


@given(asks, circles, st.permutations(NAMES))
def test_two_of_whom_one_speaks_for_the_other_are_never_two_persons(
    asked: Asked, circle: Circle, order: list[str]
) -> None:
    said: list[Endorsed] = []
    last: Replied | None = None
    for by in order:
        body = word(asked, by, circle, said)
        if isinstance(body, Endorsed):
            said.append(body)
        elif isinstance(body, Replied):
            last = body
            break
    speaking = [one.by for one in (*said, *((last,) if last else ()))]
    if asked.persons > 1:
        for one in speaking:
            for other in speaking:
                if one != other:
                    assert not any(same(other, name) for name in circle.stands_for(one, AT))
    if last is not None:
        assert len(speaking) == asked.persons
        assert enough(asked, said, Person(), last) == ""


@given(st.lists(st.tuples(names, names), max_size=12))
def test_handing_over_where_it_is_allowed_makes_no_circle_and_no_long_way(
    wanted: list[tuple[str, str]],
) -> None:
    held: list[Handover] = []
    for by, to in wanted:
        rest = [one for one in held if key(one.by) != key(by)]
        if not loops(by, to, rest, AT):
            held = [*rest, Handover(by, to, AT, AT + HOUR)]
    for start in NAMES:
        seen, at = [key(start)], key(start)
        while found := [key(one.to) for one in held if key(one.by) == at]:
            at = found[0]
            assert at not in seen
            seen.append(at)
        assert len(seen) - 1 <= MOST_HANDS


def test_the_refusal_says_how_far_somebody_may_go_and_who_may() -> None:
    asked = Asked(ask_id="a1", kind="approval", text="?", by=["ann", "bo", "carol"])
    circle = Circle((), (limit(10, "ann"), limit(50, "bo")), "pay", {"args": {"amount": 40}})
    with pytest.raises(UserError, match=r"ann may say yes only where args.amount <= 10; bo or carol may"):
        decided(asked, [], Person(), "approve", "ann", "", AT, circle)
    assert isinstance(decided(asked, [], Person(), "reject", "ann", "", AT, circle), Replied)
    alone = asked.model_copy(update={"by": ["ann"]})
    with pytest.raises(UserError, match="nobody who is asked may"):
        decided(alone, [], Person(), "approve", "ann", "", AT, circle)
    unknown = Circle((), circle.limits, "pay", {"args": {"amount": "a lot"}})
    assert unknown.over("ann")


def test_what_is_said_of_a_person_counts_in_place_of_their_groups_and_that_in_place_of_everybody() -> None:
    all_ = (limit(10, "*", named=False), limit(50, "bo", "carol", named=False), limit(90, "bo"))
    circle = Circle((), all_, "pay", {"args": {"amount": 60}})
    assert [bool(circle.over(name)) for name in ("bo", "bo@shop.example", "carol", "eve")] == [
        False,
        False,
        True,
        True,
    ]
    tools = Circle((), (limit(90, "bo", tools=("refund_*",)),), "pay", {"args": {"amount": 1}})
    assert tools.over("bo") == "bo may say yes only to refund_* where args.amount <= 90"


def test_a_limit_on_the_way_holds_for_who_speaks_in_the_place_of_others() -> None:
    asked = Asked(ask_id="a1", kind="approval", text="?", by=["ann"])
    way = (Handover("ann", "bo"), Handover("bo", "carol"))
    for limits, amount, may in (
        ((limit(50, "ann"),), 60, False),
        ((limit(50, "bo"),), 60, False),
        ((limit(50, "carol"),), 60, False),
        ((limit(50, "ann", "bo", "carol"),), 40, True),
    ):
        said = word(asked, "carol", Circle(way, limits, "pay", {"args": {"amount": amount}}))
        assert (said is not None) is may
        if said is not None:
            assert said.instead == ["bo", "ann"]
    over = Circle((Handover("ann", "bo", AT + HOUR), Handover("ann", "carol", None, AT)))
    assert [word(asked, by, over) for by in ("bo", "carol")] == [None, None]


def test_a_yes_for_good_speaks_for_nobody_who_is_away_and_stays_within_the_limit() -> None:
    asked = Asked(ask_id="a1", kind="approval", text="?", by=["ann"])
    facts = {"args": {"amount": 20}}
    away = Circle((Handover("ann", "bo"),), (), "pay", facts)
    assert "not for good" in not_for_good(asked, "bo", (Bound("amount", "20"),), away)
    limited = Circle((), (limit(50, "ann"),), "pay", facts)
    assert not_for_good(asked, "ann", (Bound("amount", most="50"),), limited) == ""
    assert not_for_good(asked, "ann", (Bound("amount", "20"),), limited) == ""
    for bounds in ((Bound("amount", most="51"),), (Bound("to", "x@y.example"),)):
        assert "must stay within" in not_for_good(asked, "ann", bounds, limited)
    assert not_for_good(asked, "ann", (), Circle()) == ""


def test_what_anybody_may_decide_and_what_is_not_theirs_cannot_be_handed_over() -> None:
    asked = Asked(ask_id="a1", kind="approval", text="?", by=["ann"])
    assert may_hand_over(asked, "ann", "bo", Circle(), AT) == ""
    assert "anybody may decide" in may_hand_over(
        asked.model_copy(update={"by": []}), "ann", "bo", Circle(), AT
    )
    assert "may not decide that" in may_hand_over(asked, "eve", "bo", Circle(), AT)
    assert "is nobody" in may_hand_over(asked, "ann", NOBODY, Circle(), AT)
    assert "is yourself" in may_hand_over(asked, "ann", "ANN@shop.example", Circle(), AT)
    given_on = Circle((Handover("ann", "bo"),))
    assert may_hand_over(asked, "bo", "carol", given_on, AT) == ""
    assert "handed theirs to you" in may_hand_over(asked, "bo", "ann", given_on, AT)
