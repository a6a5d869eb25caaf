"""A try of an agent as the pane beside its form shows it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from remit.app import App
from remit.brought import FROM_A_BROWSER
from remit.console.pages.timeline import entries
from remit.errors import UserError
from remit.journal.events import Started
from remit.journal.search import Wanted, search
from remit.journal.state import State, fold

PAST = 10  # runs whose goal can be tried again


async def trial(app: App, name: str, run: UUID) -> dict[str, Any]:
    """What the pane shows of a try. Raises UserError for a run that is none of this agent's."""
    told = await app.journal.read(run)
    if not told or not isinstance(told[0].body, Started) or told[0].body.agent != name:
        raise UserError(f"there is no try {run} of agent {name}")
    state = fold(told)
    return {
        **head(name, run, state),
        "entries": entries(told, state),
        "after": told[-1].seq,
        "live": state.finished is None,
    }


def head(name: str, run: UUID, state: State) -> dict[str, Any]:
    """How a try stands: what it would have done, what was refused, what it asks."""
    calls = list(state.calls.values())
    return {
        "name": name,
        "run": run,
        "state": state,
        "would": [one for one in calls if one.acted and one.acted.status == "simulated"],
        "refused": [one for one in calls if one.acted and one.acted.status in ("denied", "rejected")],
        "oob": False,
    }


async def pane(app: App, name: str, tried: str) -> dict[str, Any]:
    """The whole pane: past runs whose goal can be tried, and the try that a page was opened with."""
    past = await search(app.store, Wanted(agent=name), limit=PAST)
    try:
        run = await trial(app, name, UUID(tried)) if tried else None
    except (UserError, ValueError):
        run = None
    return {"past": past.rows, "tried": run, "limits": FROM_A_BROWSER}
