"""What must hold: at every step, and where a schedule ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from remit.app import App
from remit.errors import NotWaiting
from remit.journal.events import Acted, Asked, Event, Finished, Intended, Judged, Replied

if TYPE_CHECKING:
    from tests.protocol.world import Op, Process, World


class Violation(Exception):
    """Something happened that never should, or did not that should."""


@dataclass(frozen=True)
class Done:
    """The system outside was asked to do something, and did it if it `counts`: not again for a key that it honours."""

    run: UUID
    key: str
    process: str
    intended: int  # seq of the intent
    fit: bool  # the lease of who asked counted when it happened
    counts: bool


def begins(world: World, process: Process, run: UUID, call_id: str, key: str) -> int:
    """An effect is about to be sent. Returns the seq of the durable intent that is its own."""
    events = world.tables.read(run)
    mine = [
        e.seq
        for e in events
        if isinstance(e.body, Intended)
        and (e.body.call_id, e.body.key, e.body.lease) == (call_id, key, process.leases.id.hex)
        and (run, e.seq) not in world.begun
    ]
    if not mine:
        world.wrong.append("an effect began whose intent is not durable")
    if not process.fit:
        world.wrong.append("an effect began under a lease that does not count")
    for op in world.ops:
        if op.name == "effect" and op.process is not process and op.run == run and op.counts:
            world.wrong.append("two processes act on one run, and the leases of both count")
    world.begun.add((run, mine[-1] if mine else 0))
    return mine[-1] if mine else 0


def happens(world: World, op: Op, key: str, tool: str, intended: int) -> str:
    """The system outside does it."""
    counts = tool != "by_key" or not any(done.key == key for done in world.done)
    world.done.append(Done(op.run, key, op.process.name, intended, op.counts, counts))
    return "done"


def grows(world: World) -> None:
    """What is in the journal stays as it is. Raises Violation."""
    for run in world.runs:
        rows, before = world.tables.text(run), world.written.get(run, ())
        if rows[: len(before)] != before:
            raise Violation("an event was written over")
        world.written[run] = rows


def always(world: World) -> None:
    """What holds after every step. Raises Violation."""
    if world.wrong:
        raise Violation(world.wrong[0])
    for process in world.processes:
        if process.loop.troubles:
            raise Violation(f"nobody caught: {process.loop.troubles[0]}")
    for run in world.runs:
        events = world.tables.read(run)
        if [e.seq for e in events] != list(range(1, len(events) + 1)):
            raise Violation(f"the journal has gaps: {[e.seq for e in events]}")
        ends = [e.seq for e in events if isinstance(e.body, Finished)]
        if len(ends) > 1:
            raise Violation("a run ended twice")
        if ends and any(isinstance(e.body, Intended) and e.seq > ends[0] for e in events):
            raise Violation("an effect was intended after the run had ended")
        _licensed(events, world.scene.tool)
        _once(world, run, events)


def _licensed(events: list[Event], tool: str) -> None:
    """Each intent has an allowing verdict or a person's yes of its own; a yes serves once."""
    kinds: dict[str, Asked] = {}
    left: dict[str, int] = {}
    for event in events:
        match event.body:
            case Judged(decision="allow") as body:
                left[body.call_id] = 1
            case Asked() as body:
                kinds[body.ask_id] = body
            case Replied(decision="approve") as body:
                call = kinds[body.ask_id].call_id
                left[call] = left.get(call, 0) + 1
            case Intended() as body:
                again = body.attempt > 1 and tool in ("by_key", "by_lookup")  # settled: the same effect
                if left.get(body.call_id, 0) < 1 and not again:
                    raise Violation("an effect was intended that nobody allowed, or a yes was used twice")
                left[body.call_id] = max(0, left.get(body.call_id, 0) - 1)


def _once(world: World, run: UUID, events: list[Event]) -> None:
    doubts = {e.body.ask_id for e in events if isinstance(e.body, Asked) and e.body.kind == "doubt"}
    again = sum(
        isinstance(e.body, Replied) and e.body.decision == "approve" and e.body.ask_id in doubts
        for e in events
    )
    happened = [done for done in world.done if done.run == run and done.counts]
    late = sum(not done.fit for done in happened) if world.scene.late else 0
    if len(happened) - late > 1 + again:
        raise Violation(f"an effect happened {len(happened)} times; {again} repeats were wanted by a person")
    if len(happened) > 1 + again:
        world.repeats += 1


def ends(world: World) -> None:
    """What holds where nothing more happens by itself. Raises Violation."""
    for number, run in enumerate(world.runs):
        state = world.state(run)
        if state.finished is None and not state.waits:
            raise Violation(f"run {number} is lost: it is {state.status}, and nobody goes on with it")
        doubtful = [call.call.id for call in state.open.values() if call.doubtful and call.asked is None]
        if doubtful:
            raise Violation(f"run {number} is {state.status}, and nobody finds out what became of an effect")
        for event in world.tables.read(run):
            if isinstance(event.body, Acted) and event.body.effect == "destroy":
                _true(world, run, event.body)


def _true(world: World, run: UUID, acted: Acted) -> None:
    """What the journal says of an effect is what happened."""
    happened = [done for done in world.done if done.run == run]
    said = acted.source == "olga"
    late = world.scene.late and any(not done.fit for done in happened)
    if acted.status == "ok" and not happened and not said:
        raise Violation("the journal says that an effect happened, and it did not")
    if acted.status == "failed" and happened and not late:
        raise Violation("the journal says that an effect did not happen, and it did")
    if acted.status not in ("ok", "failed", "unknown", "rejected"):
        raise Violation(f"the effect came to {acted.status}: {acted.result}")


async def answers_in_vain(app: App, run: UUID, ask_id: str) -> None:
    """A second answer: who gives it is told that it came too late."""
    try:
        await app.answer(run, "approve", "olga", ask=ask_id)
    except NotWaiting:
        return
    raise Violation("an answer was taken twice")


def unchanged(before: Any, after: Any) -> None:
    if before != after:
        raise Violation("a late answer was written into the journal")
