"""Whose turn it is: start-time fair queueing between lanes, folded into one integer. Pure.

A lane is an agent of a workspace. Each job gets a tag when it is queued: one more than the last that waits of its lane,
and no less than the furthest tag begun by anybody. Jobs are begun by tag, those with the same tag in the order they
came. So lanes with work take turns however much each has queued, and a lane that was idle neither saves up turns nor pays
for old ones. (Goyal, Vin and Cheng, Start-time Fair Queuing, SIGCOMM 1996, with all weights 1.)

The queue engine orders by an integer, the highest first. The classes of priority are `SPAN` apart, and a job's tag is
taken off its class: `remit_enqueue` (migration 0007) does it, and a test holds it to these functions.
"""

from __future__ import annotations

from remit.errors import UserError

LOWEST, HIGHEST = -10, 10  # classes of priority
SPAN = 2**27  # tags in a class: (HIGHEST + 1) * SPAN fits into 32 bits


def tag(now: int, last: int | None) -> int:
    """The tag of a lane's next job. `now`: the furthest tag begun. `last`: the furthest of this lane that waits."""
    return now if last is None else max(now, last + 1)


def place(priority: int, tag: int) -> int:
    """The engine's integer. Beyond SPAN tags, which only a queue that is never empty can reach, it is first come."""
    return priority * SPAN - min(tag, SPAN - 1)


def priority_of(place: int) -> int:
    """The class of the engine's integer."""
    return (place + SPAN - 1) // SPAN


def check_priority(priority: int) -> int:
    """Raises UserError for what is no class of priority."""
    if not LOWEST <= priority <= HIGHEST:
        raise UserError(f"priority {priority}: write a number from {LOWEST} to {HIGHEST}; higher is sooner")
    return priority
