"""Runs that begin runs: how far that may go. Pure."""

from __future__ import annotations

from typing import Any

from remit.journal.state import State

Json = Any
DEEPEST = 5  # runs that each led to the next


def chain_of(ended: State) -> tuple[str, ...]:
    """The agents whose runs led to what this one begins, the first one first."""
    started = ended.started
    if started is None:
        return ()
    return (*(started.began.chain if started.began else ()), started.agent)


def unfollowed(ended: State, agent: str) -> str:
    """Why a run of that agent does not begin after this one; empty: it does."""
    started = ended.started
    if started is None or ended.finished is None:
        return "the run that has ended is not there any more"
    if started.fork_of is not None:
        return "a fork has ended, and not a run as it went"
    if started.spec.get("remit", {}).get("autonomy") == "shadow":
        return "a run has ended in which nothing was really done"
    chain = chain_of(ended)
    if agent in chain:
        return f"that would go in a circle: {' → '.join((*chain, agent))}"
    if len(chain) > DEEPEST:
        return f"{DEEPEST} runs have led to each other already: {' → '.join(chain)}"
    return ""


def told_of(ended: State, said: dict[str, Json]) -> dict[str, Json]:
    """The event, with what the run that has ended says itself."""
    assert ended.started is not None
    assert ended.finished is not None
    return said | {"goal": ended.started.goal, "report": ended.finished.report}
