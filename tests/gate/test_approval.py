"""Who may say yes, and when enough have: for any words, by anybody, in any order, at any time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.errors import NotWaiting, UserError
from remit.gate.approval import (
    Decision,
    decided,
    enough,
    frozen,
    needs,
    refused,
    same,
    terms_of,
    unknown_groups,
)
from remit.gate.proposal import Terms
from remit.journal.events import Asked, Call, Endorsed, Person, Replied
from remit.journal.state import CallState, State

AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ANN = Person(id="ann", email="ann@a.example", verified=True)
NOBODY = Person()
NAMES = [
    "ann",
    "Ann@A.example",
    "ann+x@a.example",
    "bo",
    "bo@a.example",
    "bo@b.example",
    "carol",
    " ",
    "group:x",
    "bo\u200b",
]
names = st.sampled_from(NAMES)
some = st.lists(st.sampled_from([name for name in NAMES if name.strip()]), max_size=4, unique=True)
times = st.integers(0, 12).map(lambda hours: AT + hours * HOUR)
words = st.tuples(st.sampled_from(["approve", "approve", "reject"]), names, times)
terms = st.builds(
    Terms,
    by=some.map(tuple),
    persons=st.integers(1, 3),
    expires=st.none() | st.just(10 * HOUR),
    after=st.none() | st.just(4 * HOUR),
    to=some.map(tuple),
)
people = st.sampled_from([ANN, NOBODY, Person(id="bo"), Person(email="carol")])


def asked(wanted: Terms | None = None, **more: object) -> Asked:
    found = {"ask_id": "a1", "kind": "approval", "text": "?", **frozen(wanted, AT, {}), **more}
    return Asked.model_validate(found)


def say(
    to: Asked, said: list[tuple[Decision, str, datetime]], person: Person
) -> tuple[list[Endorsed], Replied | None]:
    """What a journal holds after these words, those refused left out. Nothing is taken after the end."""
    endorsed: list[Endorsed] = []
    for decision, by, now in said:
        try:
            body = decided(to, endorsed, person, decision, by, "", now)
        except UserError:
            continue
        if isinstance(body, Replied):
            return endorsed, body
        endorsed.append(body)
    return endorsed, None


@given(terms, people, st.lists(words, max_size=8))
def test_a_yes_holds_only_by_enough_different_people_who_may_say_it(
    wanted: Terms, person: Person, said: list[tuple[Decision, str, datetime]]
) -> None:
    to = asked(wanted)
    endorsed, reply = say(to, said, person)
    yeses = [one.by for one in endorsed] + ([reply.by] if reply and reply.decision == "approve" else [])
    assert len(yeses) <= wanted.persons
    assert (len(yeses) == wanted.persons) == (reply is not None and reply.decision == "approve")
    assert not any(same(one, other) for one, other in combinations(yeses, 2))
    allowed = {name.casefold() for name in (*wanted.by, *(wanted.to if wanted.after else ()))}
    for name in yeses:
        assert name.strip()
        assert "\u200b" not in name
        assert not name.startswith("group:")
        assert not wanted.by or name.strip().casefold() in allowed
        assert wanted.persons == 1 or not (same(name, person.id) or same(name, person.email))
    if reply is not None and reply.decision == "approve":
        assert enough(to, endorsed, person, reply) == ""


@given(terms, people, st.lists(names, min_size=1, max_size=4))
def test_yeses_that_somebody_wrote_down_without_asking_are_counted_again(
    wanted: Terms, person: Person, by: list[str]
) -> None:
    to = asked(wanted)
    *first, last = by
    forged = [Endorsed(ask_id="a1", by=name) for name in first]
    if enough(to, forged, person, Replied(ask_id="a1", decision="approve", by=last)) == "":
        assert len(by) >= wanted.persons
        late = AT + 9 * HOUR
        body = say(to, [("approve", name, late) for name in by], person)[1]
        assert body is not None
        assert body.decision == "approve"


@given(st.permutations(["bo", "carol", "dora@d.example"]), st.integers(1, 3))
def test_the_order_of_the_yeses_does_not_matter(order: list[str], persons: int) -> None:
    endorsed, reply = say(asked(Terms(persons=persons)), [("approve", by, AT) for by in order], ANN)
    assert reply is not None
    assert [*(one.by for one in endorsed), reply.by] == order[:persons]


@given(terms, people, names, st.lists(names, max_size=2))
def test_whatever_comes_after_expiry_comes_too_late(
    wanted: Terms, person: Person, by: str, before: list[str]
) -> None:
    to = asked(wanted)
    assert to.expires is not None
    endorsed = [Endorsed(ask_id="a1", by=name) for name in before]
    for decision in ("approve", "reject"):
        with pytest.raises(NotWaiting, match="expired at"):
            decided(to, endorsed, person, decision, by, "", to.expires)  # type: ignore[arg-type]


@given(terms, people, st.lists(words, max_size=4))
def test_one_no_of_somebody_who_may_say_it_ends_it(
    wanted: Terms, person: Person, said: list[tuple[Decision, str, datetime]]
) -> None:
    to = asked(wanted)
    endorsed, reply = say(to, said, person)
    for by in wanted.by:
        if reply is None and not refused(to, endorsed, person, "reject", by, AT):
            no = decided(to, endorsed, person, "reject", by, "", AT)
            assert isinstance(no, Replied)


def test_nobody_is_their_own_second_person() -> None:
    two = asked(Terms(persons=2))
    for name in ("ann", "ANN", "ann@a.example", "ann+boss@a.example"):
        assert "the run acts for" in refused(two, [], ANN, "approve", name, AT)
        assert refused(two, [], ANN, "reject", name, AT) == ""
    bo = [Endorsed(ask_id="a1", by="bo")]
    with pytest.raises(NotWaiting, match="BO has said yes to a1 already; 1 more person must say yes"):
        decided(two, bo, ANN, "approve", "BO", "", AT)
    with pytest.raises(UserError, match=r"bo@a\.example may be bo, who has said yes already"):
        decided(two, bo, ANN, "approve", "bo@a.example", "", AT)
    assert refused(two, bo, ANN, "approve", "carol", AT) == ""
    assert (
        refused(asked(), [], ANN, "approve", "ann", AT) == ""
    )  # one person is enough: they may be whom it is for


def test_after_the_delay_others_may_decide_too_and_not_before() -> None:
    to = asked(Terms(by=("ann@a.example",), after=4 * HOUR, to=("carol",)))
    early, late = AT + 4 * HOUR - timedelta(seconds=1), AT + 4 * HOUR
    assert "carol may decide that from 2026-11-21T16:00:00" in refused(
        to, [], NOBODY, "approve", "carol", early
    )
    assert refused(to, [], NOBODY, "approve", "Carol", late) == ""
    assert refused(to, [], NOBODY, "approve", "ann@a.example", late) == ""
    assert "ann may not decide that" in refused(to, [], NOBODY, "approve", "ann", late)  # an id is no e-mail
    assert "wants a yes of ann@a.example; from" in refused(to, [], NOBODY, "reject", "bo", late)


def test_groups_are_who_was_in_them_when_it_was_asked() -> None:
    groups = {"finance": ("bo", "carol"), "empty": ()}
    wanted = Terms(by=("ann", "group:finance", "bo"), after=HOUR, to=("group:empty", "group:gone"))
    found = frozen(wanted, AT, groups)
    assert (found["by"], found["to"]) == (["ann", "bo", "carol"], ["group:empty", "group:gone"])
    assert unknown_groups((*wanted.by, *wanted.to), groups) == ["group:empty", "group:gone"]
    nobody = asked(Terms(by=("group:empty",)))  # a question for an empty group is not one for everybody
    for name in NAMES:
        assert refused(nobody, [], NOBODY, "approve", name, AT)


def test_what_became_of_a_call_is_for_those_who_could_say_yes_to_it() -> None:
    doubt = Asked(ask_id="d1", kind="doubt", text="?", call_id="1.1")
    state = State(asked={"a1": asked(Terms(by=("bo",), persons=1), call_id="1.1"), "d1": doubt})
    state.calls["1.1"] = CallState(Call(id="1.1", tool="t", args={}), 1)
    assert terms_of(state, doubt).by == ["bo"]
    assert terms_of(state, doubt).expires is None
    assert terms_of(State(asked={"d1": doubt}), doubt) == doubt


def test_what_is_wanted_is_said_in_words() -> None:
    assert needs(asked()) == ""
    assert needs(asked(Terms(by=("ann", "bo")))) == "a yes of ann or bo"
    assert needs(asked(Terms(persons=2))) == "2 people"
    assert needs(asked(Terms(by=("ann", "bo", "carol"), persons=2))) == "2 people of ann, bo, carol"
