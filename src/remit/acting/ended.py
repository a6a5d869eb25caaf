"""What became of what was to be done: its run has ended. What colleagues answered becomes a part of the person's history, and a call that they made counts
for the rules of contact as any other."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from remit.acting.due import decision_of
from remit.acting.given import BY_PEOPLE, named
from remit.app import App
from remit.decisions.action import Action
from remit.decisions.contacts import Wanted, noted
from remit.decisions.kept import version_of
from remit.decisions.log import Kept
from remit.errors import UserError
from remit.graph.ingest import take
from remit.graph.people import person_of
from remit.journal.due import OPEN
from remit.journal.events import Event, Finished, Replied
from remit.models.steps import UNDONE
from remit.store.store import Store

LOG = logging.getLogger(__name__)
AT_ONCE = 50
SOURCE = "remit"
# Of all workspaces, each with one process; a run that retention took has ended too.
CLAIM: LiteralString = """
    select a.workspace, a.decision, a.run from decision_acts a left join runs r on r.id = a.run
    where a.state = 'begun' and not a.follows and (r.id is null or r.status <> all(%s))
    order by a.workspace, a.decision limit %s
"""


@dataclass(frozen=True, slots=True)
class Over:
    """A decision whose run has ended."""

    workspace: str
    decision: int
    run: UUID


@dataclass(frozen=True, slots=True)
class Answer:
    """What a colleague said came of it."""

    by: str
    at: datetime
    text: str


async def look(app: App) -> int:
    """Once; how many had ended. Each step may be the last that this process does, and two may do it at once: what they keep has one name."""
    store = app.root.store
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Over)) as cursor,
    ):
        found = await (await cursor.execute(CLAIM, (list(OPEN), AT_ONCE))).fetchall()
    for over in found:
        here = app.within(over.workspace)
        events = await here.journal.read(over.run)
        async with store.pool.connection() as connection:
            one = await decision_of(connection, over.workspace, over.decision)
        try:
            if one is not None and (answer := answered(events)) is not None:
                await _tell(here.store, one, answer, over.run)
        except UserError as error:  # the next time it would be no other
            LOG.warning(
                "what came of decision %s in %s is not told: %s", over.decision, over.workspace, error
            )
        await _close(store, over, events)
    return len(found)


def answered(events: Sequence[Event]) -> Answer | None:
    """None: nobody said anything but no. Pure."""
    for event in reversed(events):
        body = event.body
        if isinstance(body, Replied) and body.decision != "reject" and body.text.strip():
            return Answer(body.by, event.at, body.text.strip())
    return None


async def _tell(store: Store, one: Kept, answer: Answer, run: UUID) -> None:
    """To the graph, where it was for people to do."""
    action = named((await version_of(store, one.playbook, one.version)).book, one.action)
    if action.does not in BY_PEOPLE:
        return
    person = await person_of(store, one.person)
    whom = person.profiles[0]
    channel = action.channel or "team"
    row = {
        "id": f"decision {one.id}", "at": answer.at.isoformat(), "kind": _kind(action), "channel": channel, "direction": "out",
        "identifiers": {whom.kind: whom.value}, "subject": action.name, "text": answer.text,
        "properties": {"by": answer.by, "run": str(run), "decision": one.id},
    }  # fmt: skip
    await take(store, [(1, row)], SOURCE, keep=False)
    if action.does == "call":
        made = Wanted((whom.kind, whom.value), channel, action.purpose, answer.by, action.name, run, SOURCE)
        await noted(store, made, answer.at)


def _kind(action: Action) -> str:
    return "call" if action.does == "call" else "handled"


async def _close(store: Store, over: Over, events: Sequence[Event]) -> None:
    query = """
        update decision_acts set state = %s, why = %s where workspace = %s and decision = %s and not follows and state = 'begun'
    """
    why = undone(events)
    values = ("failed" if why else "done", " ".join(why.split())[:1000], over.workspace, over.decision)
    async with store.pool.connection() as connection:
        await connection.execute(query, values)


def undone(events: Sequence[Event]) -> str:
    """Why it was not done; empty: it was, as far as the run can say. Pure."""
    bodies = [one.body for one in reversed(events)]
    word = next((one for one in bodies if isinstance(one, Replied)), None)
    if word is not None and word.decision == "reject":
        return f"{word.by} said no{': ' if word.text else ''}{word.text}"
    end = next((one for one in bodies if isinstance(one, Finished)), None)
    if (
        end is None
        or end.status == "met"
        or (end.status == "cannot verify" and not end.report.startswith(UNDONE))
    ):
        return ""
    return end.report or end.why or end.status
