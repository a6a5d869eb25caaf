"""Is the run getting anywhere? Pure: looks at the calls so far and says what to do about a standstill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic_core import to_json

from remit.journal.events import Nudged
from remit.journal.state import CallState

LIMIT = 3  # steps without anything new before the loop speaks up
TEXT = {
    1: "You are not making progress: {reason}. Use what you already have, try another way, or finish.",
    2: "Still no progress: {reason}. Write a new plan with other steps, or finish and say what is missing.",
}


@dataclass(frozen=True, slots=True)
class Standstill:
    reason: str


def stalled(calls: Sequence[CallState], since: int) -> Standstill | None:
    """Look at calls answered after event `since`: repeats, A-B-A-B, or nothing but known results.

    Returns None while something new came up within the last LIMIT calls.
    """
    done = [c for c in calls if c.acted is not None and c.seq > since]
    if len(done) < LIMIT:
        return None
    fresh = []
    for n, call in enumerate(done):
        call.mark = call.mark or signature(call)
        same = [signature(c, with_result=True) for c in done[:n] if c.mark == call.mark]
        fresh.append(not same or signature(call, with_result=True) not in same)
    if any(fresh[-LIMIT:]) and not all(
        c.acted and c.acted.status in ("mend", "failed") for c in done[-LIMIT * 2 :]
    ):
        return None
    if not any(fresh[-LIMIT:]):
        marks = [c.mark for c in done[-4:]]
        if len(set(marks)) == 1:
            return Standstill(f"{done[-1].call.tool} was called again and again with the same arguments")
        if len(marks) == 4 and marks[0] == marks[2] and marks[1] == marks[3]:
            return Standstill(f"the same two calls alternate: {done[-1].call.tool} and {done[-2].call.tool}")
        return Standstill("the last calls brought nothing new")
    if len(done) >= LIMIT * 2:
        return Standstill(f"the last {LIMIT * 2} calls all failed")
    return None


def signature(call: CallState, with_result: bool = False) -> int:
    """A hash of a call, and of its result; the same within this process."""
    acted = call.acted
    result = (acted.status, acted.result) if with_result and acted else None
    return hash(to_json([call.call.tool, sorted(call.call.args.items()), result]))


def nudge(nudges: Sequence[Nudged], standstill: Standstill) -> Nudged:
    """Level 1 nudges, level 2 asks for a new plan, level 3 goes to a person."""
    level = min(3, 1 + sum(n.reason != "reflect" and n.level > 0 for n in nudges))
    text = TEXT.get(level, "").format(reason=standstill.reason)
    return Nudged(level=level, reason=standstill.reason, text=text)
