"""What a run came to, as the index of runs has it once the run has ended or waits for a person: what runs are found by. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from remit.journal.events import AnyBody, Asked, Event, Finished
from remit.journal.state import State, fold

NOBODY = UUID(int=0)
RESTS = (Asked, Finished)  # with these they are written
HAPPENED = {  # mark -> in words
    "asked": "a person was asked to approve",
    "rejected": "a person said no",
    "denied": "a call was denied",
    "acted": "it sent or changed something",
    "doubt": "an outcome is not known",
    "simulated": "it was only simulated",
}
MOST_TOOLS = 40  # that are kept of a run
SIZES = 50  # of costs, each twice the one before, from a millionth of a dollar on


@dataclass(frozen=True, slots=True)
class Facts:
    """What is none is None, which takes no room. `cost` in US dollars, times in seconds; `marks` a line each."""

    cost: Decimal | None
    seconds: float | None
    waited: float | None
    answered: int | None
    marks: str


def facts_of(state: State) -> Facts:
    """Of a run as it is now."""
    cost = state.spent
    return Facts(
        cost=cost or None,
        seconds=round(state.seconds, 3) or None,
        waited=round(state.waited, 3) or None,
        answered=len(state.replies) or None,
        marks="\n".join([*_happened(state), *_tools(state), size_of(cost)]),
    )


def facts_with(state: State, bodies: Sequence[AnyBody]) -> Facts | None:
    """Of a run with these at its end, which the state is changed to; None where it does not rest with them."""
    if not any(isinstance(body, RESTS) for body in bodies):
        return None
    now = datetime.now(UTC)
    run = state.run or NOBODY
    return facts_of(
        fold((Event(run, seq, now, body) for seq, body in enumerate(bodies, state.seq + 1)), state)
    )


def size_of(cost: Decimal) -> str:
    """The mark for costs of about that."""
    return f"${_size(cost)}"


def sizes(least: Decimal | None, most: Decimal | None) -> list[str]:
    """The marks of all costs between the two, and of some beside."""
    low = 0 if least is None else _size(least)
    high = SIZES if most is None else _size(most)
    return [f"${size}" for size in range(low, high + 1)]


def _size(cost: Decimal) -> int:
    if cost <= 0:
        return 0
    return min(max(int(cost * 1_000_000), 1).bit_length(), SIZES)


def simulates(state: State) -> bool:
    """Whether nothing is really done."""
    spec = state.started.spec if state.started else {}
    return bool(spec.get("remit", {}).get("autonomy") == "shadow")


def _happened(state: State) -> Iterator[str]:
    if simulates(state):
        yield "simulated"
    if any(asked.kind == "approval" for asked in state.asked.values()):
        yield "asked"
    if any(reply.decision == "reject" for reply in state.replies.values()):
        yield "rejected"
    verdicts = {call.judged.decision for call in state.calls.values() if call.judged is not None}
    if "deny" in verdicts:
        yield "denied"
    if state.effects:
        yield "acted"
    if any(call.doubtful or (call.acted and call.acted.status == "unknown") for call in state.calls.values()):
        yield "doubt"


def _tools(state: State) -> list[str]:
    """Those that did or read something, or would have."""
    used = {
        call.call.tool
        for call in state.calls.values()
        if call.acted is not None and call.acted.status in ("ok", "simulated", "unknown")
    }
    return [f"@{name}" for name in sorted(used - {"finish"})[:MOST_TOOLS]]
