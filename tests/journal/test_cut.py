"""What a new run takes over of an old one, for any journal and any event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remit.errors import UserError
from remit.journal.cut import take_over
from remit.journal.events import (
    Acted,
    Answered,
    AnyBody,
    Asked,
    Call,
    Compacted,
    Delegated,
    Endorsed,
    Event,
    Finished,
    Intended,
    Judged,
    Paused,
    Replied,
    Reserved,
    Resumed,
    Returned,
    Started,
    UndoWanted,
)
from remit.journal.state import State, fold

RUN, AT = UUID(int=7), datetime(2026, 11, 21, tzinfo=UTC)
NOW = AT + timedelta(days=30)
ids = st.sampled_from(["1.1", "1.2", "undo:1.1"])
asks = st.sampled_from(["a1.1", "a1.2", "budget1"])
bodies: st.SearchStrategy[AnyBody] = st.one_of(
    st.builds(Intended, call_id=ids, key=st.just("k")),
    st.builds(Acted, call_id=ids, tool=st.just("t"), effect=st.just("destroy")),
    st.builds(
        Asked,
        ask_id=asks,
        kind=st.sampled_from(["approval", "doubt", "budget"]),
        text=st.just("?"),
        call_id=ids,
        expires=st.sampled_from([None, AT + timedelta(days=7)]),
    ),
    st.builds(Replied, ask_id=asks, decision=st.sampled_from(["approve", "reject"]), by=st.just("o")),
    st.builds(Endorsed, ask_id=asks, by=st.just("o")),
    st.builds(Reserved, amount=st.decimals(0, 1, places=3)),
    st.builds(UndoWanted, call_id=st.sampled_from(["1.1", "1.2"]), by=st.just("o")),
    st.builds(Delegated, call_id=ids, child=st.just(RUN), agent=st.just("b")),
    st.builds(Returned, call_id=ids, child=st.just(RUN), status=st.just("met")),
    st.builds(Paused),
    st.builds(Resumed),
    st.builds(Finished, status=st.just("met")),
)
BEGIN: list[AnyBody] = [
    Started(goal="g", agent="a", spec={}),
    Answered(model="m", calls=[Call(id=i, tool="t", args={}) for i in ("1.1", "1.2")]),
]


def journal(*found: AnyBody) -> list[Event]:
    return [Event(RUN, i, AT, body) for i, body in enumerate([*BEGIN, *found], 1)]


def asked_once(found: list[AnyBody]) -> list[AnyBody]:
    """Nothing is asked again under an id that was used."""
    names = [body.ask_id if isinstance(body, Asked) else None for body in found]
    return [b for i, b in enumerate(found) if names[i] is None or names[i] not in names[:i]]


def fork(events: list[Event], last: int) -> State:
    kept = take_over(events, last, NOW)
    return fold(Event(RUN, i, NOW, body) for i, body in enumerate([events[0].body, *kept], 1))


def approval(ask_id: str) -> Asked:
    return Asked(ask_id=ask_id, kind="approval", text="?", call_id="1.1")


WISH = UndoWanted(call_id="1.1", by="o")  # while nobody knows yet what came of the call
UNDER_WAY = (Intended(call_id="1.1", key="k"), WISH, Acted(call_id="1.1", tool="t", effect="destroy"))
YES, SOME = Replied(ask_id="a1.1", decision="approve", by="o"), Endorsed(ask_id="a1.1", by="o")


@given(st.lists(bodies, max_size=20).map(lambda found: journal(*asked_once(found))), st.integers(1, 22))
@example(journal(*UNDER_WAY), 3)
@example(journal(approval("a1.1"), approval("a1.2"), YES), 5)
@example(journal(approval("a1.1"), SOME, approval("a1.2")), 5)
@example(journal(approval("a1.1"), YES, SOME), 5)
def test_a_fork_never_begins_with_what_is_under_way_elsewhere(events: list[Event], last: int) -> None:
    before = fold(events[: min(last, len(events))])
    try:
        state = fork(events, min(last, len(events)))
    except UserError:
        assert any(call.doubtful or call.delegated for call in before.open.values())
        return
    assert state.finished is None
    assert not state.paused
    for call in state.open.values():
        assert not call.doubtful
        assert call.delegated is None
        assert call.undoes is None
        if call.asked is not None and call.asked.kind == "approval":
            assert call.replied is None or call.replied.decision != "approve"
            assert not call.endorsed
    assert not any(
        asked.call_id in state.calls and asked.call_id not in state.open for asked in state.waits.values()
    )
    assert all(asked.expires is None or asked.expires > NOW for asked in state.waits.values())
    assert {c.call.id for c in before.effects} <= {c.call.id for c in state.effects}
    assert state.reserved <= before.reserved


def test_a_compaction_covers_the_same_events_though_some_before_it_are_left_out() -> None:
    acted: list[Any] = [Acted(call_id=i, tool="t") for i in ("1.1", "1.2")]
    events = journal(Paused(), Resumed(), *acted, Compacted(upto=5, summary="s"))
    assert take_over(events, 7, NOW)[-1] == Compacted(upto=3, summary="s")


def test_an_outcome_known_later_is_taken_along_with_the_word_of_the_person_who_knew_it() -> None:
    doubt = Asked(ask_id="d1.1", kind="doubt", text="?", call_id="1.1")
    word = Replied(ask_id="d1.1", decision="answer", by="olga", text="it arrived")
    outcome = Acted(call_id="1.1", tool="t", effect="egress", result="it arrived")
    events = journal(Intended(call_id="1.1", key="k"), Acted(call_id="1.2", tool="t"), doubt, word, outcome)
    state = fork(events, 3)
    assert state.calls["1.1"].acted == outcome
    assert not state.waits
    assert list(state.open) == ["1.2"]
    with pytest.raises(UserError, match="not known yet"):
        take_over(events[:6], 3, NOW)


def test_an_undo_that_is_wanted_is_left_to_the_run_whose_effect_it_is() -> None:
    done = Acted(call_id="1.1", tool="t", effect="destroy")
    verdict = Judged(call_id="undo:1.1", tool="t", effect="destroy", decision="allow", rule="r")
    events = journal(done, Finished(status="met"), UndoWanted(call_id="1.1", by="o"), verdict)
    assert take_over(events, 6, NOW) == [BEGIN[1], done]


def test_an_event_that_the_run_does_not_have_is_named() -> None:
    with pytest.raises(UserError, match="has events 1 to 2; 3 is not one of them"):
        take_over(journal(), 3, NOW)
