"""The fold is pure, total and the same however the journal is cut."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from remit.journal.events import (
    Acted,
    Answered,
    Asked,
    Call,
    Endorsed,
    Event,
    Finished,
    HandedOver,
    Intended,
    Judged,
    Paused,
    Replied,
    Reserved,
    Resumed,
    Started,
)
from remit.journal.state import fold

RUN = UUID(int=7)
AT = datetime(2026, 11, 21, tzinfo=UTC)
ids = st.sampled_from(["1.1", "1.2", "2.1"])
asks = st.sampled_from(["a1.1", "q1.2", "budget1"])
bodies = st.one_of(
    st.builds(Started, goal=st.text(max_size=5), agent=st.just("a"), spec=st.just({})),
    st.builds(
        Answered,
        model=st.just("m"),
        calls=st.lists(st.builds(Call, id=ids, tool=st.just("t"), args=st.just({})), max_size=2),
        cost=st.decimals(0, 1, places=3),
        purpose=st.sampled_from(["act", "check"]),
    ),
    st.builds(
        Judged,
        call_id=ids,
        tool=st.just("t"),
        effect=st.just("read"),
        decision=st.just("allow"),
        rule=st.just("r"),
    ),
    st.builds(Intended, call_id=ids, key=st.just("k")),
    st.builds(Acted, call_id=ids, tool=st.just("t"), effect=st.sampled_from(["read", "destroy"])),
    st.builds(
        Asked, ask_id=asks, kind=st.sampled_from(["approval", "budget"]), text=st.just("?"), call_id=ids
    ),
    st.builds(Endorsed, ask_id=asks, by=st.sampled_from(["o", "p"])),
    st.builds(HandedOver, ask_id=asks, by=st.sampled_from(["o", "p"]), to=st.sampled_from(["", "q"])),
    st.builds(Replied, ask_id=asks, decision=st.sampled_from(["approve", "reject"]), by=st.just("o")),
    st.builds(Reserved, amount=st.decimals(0, 1, places=3)),
    st.builds(Paused),
    st.builds(Resumed),
    st.builds(Finished, status=st.just("met")),
)
journals = st.lists(bodies, max_size=30).map(
    lambda found: [Event(RUN, i, AT, b) for i, b in enumerate(found, 1)]
)


@given(journals, st.integers(0, 30))
def test_folding_in_two_parts_gives_the_same_state(events: list[Event], cut: int) -> None:
    assert fold(events) == fold(events[cut:], fold(events[:cut]))


@given(journals)
def test_folding_twice_gives_the_same_state(events: list[Event]) -> None:
    assert fold(events) == fold(events)


@given(journals)
def test_money_is_never_lost_and_open_calls_have_no_outcome(events: list[Event]) -> None:
    state = fold(events)
    paid = sum((e.body.cost or Decimal(0) for e in events if isinstance(e.body, Answered)), Decimal(0))
    assert state.money == paid
    assert all(call.acted is None for call in state.open.values())
    assert not state.waits or state.finished is None or state.seq > 1


@given(journals)
def test_a_reply_is_taken_once(events: list[Event]) -> None:
    state = fold(events)
    assert not set(state.waits) & {k for k in state.replies if state.asked[k] is not state.waits.get(k)}


def test_a_yes_to_a_question_that_another_has_replaced_is_none_to_the_call() -> None:
    asks = [Asked(ask_id=ask, kind="approval", text="?", call_id="1.1") for ask in ("a1", "a2")]
    yes = [Replied(ask_id=ask, decision="approve", by="olga") for ask in ("a1", "a2")]
    answered = Answered(model="m", calls=[Call(id="1.1", tool="t", args={})])
    events = [Event(RUN, i, AT, body) for i, body in enumerate((answered, *asks, *yes), 1)]
    assert fold(events[:4]).calls["1.1"].replied is None
    assert fold(events).calls["1.1"].replied == yes[1]
