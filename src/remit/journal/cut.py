"""What a new run takes over of an old one that it goes on from: its events up to a point, so that nothing which was
done, or may have been done, before that point is done again. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
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
from remit.journal.state import CallState, State, fold


@dataclass(frozen=True, slots=True)
class Cut:
    """What becomes of a run's events in one that goes on from it."""

    last: int
    left: frozenset[int]  # those up to `last` that stay behind
    kept: tuple[
        Event, ...
    ]  # of those that were looked at: what comes along, and then what came of it after `last`
    moved: Mapping[int, AnyBody]  # which of them are otherwise in the new run
    after: State  # of the new run, as far as they tell it


def take_over(events: Sequence[Event], last: int, now: datetime) -> list[AnyBody]:
    """What follows the new run's Started: the events up to `last`, less what was the old run's alone. Raises UserError as `cut`
    does, and where `last` is no event of the run."""
    if not 1 <= last <= len(events):
        raise UserError(f"run {events[0].run} has events 1 to {len(events)}; {last} is not one of them")
    found = cut(events, last, now)
    return [found.moved.get(event.seq, event.body) for event in found.kept]


def cut(events: Sequence[Event], last: int, now: datetime) -> Cut:
    """`events`, in order: all of the run, or its first and those that must be looked at (`branch.py`).

    - An effect that was under way at `last`: its outcome is taken along from later in the old run. Where that is not
      known yet, UserError: the new run must neither repeat nor settle it. The same for a child run.
    - A person's yes that was not used yet stays with the old run; the new one asks anew.
    - Effects that somebody wanted taken back, and that were not yet, are left to the old run.
    - What still waits for a person gets its whole time again.
    """
    before = [event for event in events if event.seq <= last]
    left, outcomes = _left_out(before), list[Event]()
    state = fold(event for event in before if event.seq not in left)
    for call in state.open.values():
        if call.undoes is not None and call.intended is None:
            left |= _of_undo(before, call)
        elif call.doubtful or call.delegated is not None:
            outcomes += _outcome(events, last, call)
        else:
            left |= _yeses(before, call)
    kept = [*(event for event in before[1:] if event.seq not in left), *outcomes]
    after = fold([before[0], *kept])
    for ask in _moot(after):
        kept = [event for event in kept if event.body is not ask]
        del after.waits[ask.ask_id]
    gone = frozenset(event.seq for event in before[1:]) - {event.seq for event in kept}
    moved = {event.seq: _moved(event, gone, after.waits, now) for event in kept}
    changed = {event.seq: moved[event.seq] for event in kept if moved[event.seq] is not event.body}
    return Cut(last, gone, tuple(kept), changed, after)


def _moot(state: State) -> list[Asked]:
    """Questions about calls that are done with."""
    waits = [asked for asked in state.waits.values() if asked.call_id in state.calls]
    return [asked for asked in waits if asked.call_id not in state.open]


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
        e.seq
        for e in before
        if e.seq >= call.seq and isinstance(e.body, UndoWanted) and e.body.call_id == wish
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
    for event in events:
        body = event.body
        if event.seq <= last or isinstance(
            body, UndoWanted
        ):  # left to the old run, as all that is wanted and not done
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


def _moved(event: Event, gone: Collection[int], waits: Mapping[str, Asked], now: datetime) -> AnyBody:
    """An event's body at its new place."""
    body = event.body
    if isinstance(body, Asked) and body.expires is not None and waits.get(body.ask_id) is body:
        later = body.escalates and now + (body.escalates - event.at)
        return body.model_copy(update={"expires": now + (body.expires - event.at), "escalates": later})
    if isinstance(body, Compacted) and (fewer := sum(seq <= body.upto for seq in gone)):
        return body.model_copy(update={"upto": body.upto - fewer})  # it names an event by number
    return body
