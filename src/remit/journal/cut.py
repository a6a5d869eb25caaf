"""What a new run takes over of an old one that it goes on from: its events up to a point, so that nothing which was
done, or may have been done, before that point is done again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from remit.errors import UserError
from remit.journal.events import (
    Acted,
    Answered,
    AnyBody,
    Asked,
    Compacted,
    Endorsed,
    Event,
    Finished,
    Paused,
    Replied,
    Reserved,
    Resumed,
    UndoWanted,
)
from remit.journal.state import CallState, fold


def take_over(events: Sequence[Event], last: int, now: datetime) -> list[AnyBody]:
    """What follows the new run's Started: the events up to `last`, less what was the old run's alone.

    - An effect that was under way at `last`: its outcome is taken along from later in the old run. Where that is not
      known yet, UserError: the new run must neither repeat nor settle it. The same for a child run.
    - A person's yes that was not used yet stays with the old run; the new one asks anew.
    - Effects that somebody wanted taken back, and that were not yet, are left to the old run.
    - What still waits for a person gets its whole time again.

    Raises UserError where `last` is no event of the run, too.
    """
    if not 1 <= last <= len(events):
        raise UserError(f"run {events[0].run} has events 1 to {len(events)}; {last} is not one of them")
    left, outcomes = _left_out(events[1:last]), list[Event]()
    state = fold(event for event in events[:last] if event.seq not in left)
    for call in state.open.values():
        if call.undoes is not None and call.intended is None:
            left |= _of_undo(events[:last], call)
        elif call.doubtful or call.delegated is not None:
            outcomes += _outcome(events, last, call)
        else:
            left |= _yeses(events[:last], call)
    kept = [*(event for event in events[1:last] if event.seq not in left), *outcomes]
    after = fold([events[0], *kept])
    moot = [
        ask for ask in after.waits.values() if ask.call_id in after.calls and ask.call_id not in after.open
    ]
    kept = [event for event in kept if not any(event.body is ask for ask in moot)]
    waits = [ask for ask in after.waits.values() if ask not in moot]
    return [_moved(event, kept, waits, now) for event in kept]


def _left_out(before: Sequence[Event]) -> set[int]:
    """Where the old run stood still or ended, and money set aside for an answer that is not taken along."""
    left = {event.seq for event in before if isinstance(event.body, Finished | Paused | Resumed)}
    for event in reversed(before):
        if isinstance(event.body, Answered):
            break
        if isinstance(event.body, Reserved):
            left.add(event.seq)
    return left


def _of_undo(before: Sequence[Event], call: CallState) -> set[int]:
    """All of an undo that is wanted and not begun: the wish (which made the call), its verdict, its question."""
    assert call.undoes is not None
    found = {e.seq for e in before if e.seq >= call.seq and getattr(e.body, "call_id", "") == call.call.id}
    wish = call.undoes.call.id
    return found | {
        e.seq for e in before[call.seq - 1 :] if isinstance(e.body, UndoWanted) and e.body.call_id == wish
    }


def _yeses(before: Sequence[Event], call: CallState) -> set[int]:
    """The yes to a call that was not made yet, and those of some to one that others must say yes to as well: they are for
    one effect, and that is the old run's. A no stays, and so does what was said to a question that another has replaced."""
    asked = {e.body.ask_id for e in before if isinstance(e.body, Asked) and e.body.call_id == call.call.id}
    found = {e.seq for e in before if isinstance(e.body, Endorsed) and e.body.ask_id in asked}
    if call.replied is None or call.asked is None or call.asked.kind != "approval":
        return found
    words = [e for e in before if isinstance(e.body, Replied) and e.body.ask_id == call.asked.ask_id]
    return found | {e.seq for e in words if isinstance(e.body, Replied) and e.body.decision == "approve"}


def _outcome(events: Sequence[Event], last: int, call: CallState) -> list[Event]:
    """What came of a call that was under way at `last`, as the old run found out later."""
    asks = {e.body.ask_id for e in events if isinstance(e.body, Asked) and e.body.call_id == call.call.id}
    found: list[Event] = []
    for event in events[last:]:
        body = event.body
        if isinstance(body, UndoWanted):  # left to the old run, as all that is wanted and not done
            continue
        if getattr(body, "call_id", "") == call.call.id or (
            isinstance(body, Endorsed | Replied) and body.ask_id in asks
        ):
            found.append(event)
            if isinstance(body, Acted):
                return found
    short, what = str(events[0].run)[:8], f"{call.call.tool} ({call.call.id})"
    raise UserError(
        f"run {short} has begun {what} before event {last}, and what came of it is not known yet: a new run could do it "
        f"twice. Let the run find out first (`remit resume {short}`, `remit inbox`), or go on from event {call.seq} "
        f"or before, where {call.call.tool} is judged anew"
    )


def _moved(event: Event, kept: Sequence[Event], waits: Sequence[Asked], now: datetime) -> AnyBody:
    """An event's body at its new place."""
    body = event.body
    if isinstance(body, Asked) and body.expires is not None and any(body is ask for ask in waits):
        later = body.escalates and now + (body.escalates - event.at)
        return body.model_copy(update={"expires": now + (body.expires - event.at), "escalates": later})
    if isinstance(body, Compacted):  # it names an event by number; Started is the first in both
        return body.model_copy(update={"upto": 1 + sum(other.seq <= body.upto for other in kept)})
    return body
