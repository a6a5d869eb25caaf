"""The ledger of effects: what was intended, tried and came of it, with its key. Read from the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from remit.journal.events import Acted, Event, Intended
from remit.journal.journal import Journal
from remit.journal.refs import given
from remit.journal.state import CallState, State, fold
from remit.store.store import Store

Json = Any
Outcome = Literal["in doubt", "waits", "ok", "undone", "failed", "mend", "rejected", "unknown"]
# in doubt: intended, outcome not recorded (yet) · waits: it has not happened, as its connection takes no more for now · ok: it happened · undone: it happened and was taken back · failed: the
# tool says it did not work · mend: it did not happen, the model may correct the call · rejected: a person left it undone
# after a crash · unknown: its run ended while it was under way, and nobody can say

NEWEST = """
    select run from events as intent
    where type = 'intended' and (select workspace from runs where runs.id = intent.run) = %(workspace)s and (not %(doubtful)s or not exists (
        select from events as outcome
        where outcome.run = intent.run and outcome.seq > intent.seq
          and remit_field(outcome.body, 'call_id') = remit_field(intent.body, 'call_id')
          and (outcome.type = 'acted' and remit_field(outcome.body, 'status') is distinct from 'unknown'
               or outcome.type = 'slept' and remit_field(outcome.body, 'limit') <> '')
    ))
    group by run order by max(at) desc limit %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Effect:
    """One effect of a run. `attempts`: how often it was begun, more than once only where that was safe or approved."""

    run: UUID
    call: str
    tool: str
    args: Mapping[str, Json]
    outcome: Outcome
    key: str
    attempts: int
    begun: datetime
    ended: datetime | None
    result: Json
    rule: str
    approved_by: str
    lease: str  # of the process that began it last


def ledger(events: Iterable[Event]) -> list[Effect]:
    """The effects of one run's events, in the order in which they were first intended. Those that a fork has from the run
    it was taken from are that run's, by their key."""
    events = list(events)
    state = fold(events)
    first: dict[str, Event] = {}
    last: dict[str, Event] = {}
    intents: dict[str, Intended] = {}
    for event in events:
        if isinstance(event.body, Intended):
            first.setdefault(event.body.call_id, event)
            intents[event.body.call_id] = event.body
        elif isinstance(event.body, Acted):
            last[event.body.call_id] = event
    return [
        _effect(state, state.calls[call_id], intents[call_id], begun, last.get(call_id))
        for call_id, begun in first.items()
        if call_id in state.calls and _intent(begun).key.startswith(str(begun.run))
    ]


def _intent(event: Event) -> Intended:
    assert isinstance(event.body, Intended)
    return event.body


def _effect(state: State, call: CallState, intended: Intended, begun: Event, ended: Event | None) -> Effect:
    acted, open_ = call.acted, "in doubt" if call.doubtful else "waits"
    outcome: Any = open_ if acted is None else "undone" if call.undone else acted.status
    return Effect(
        run=begun.run,
        call=call.call.id,
        tool=call.call.tool,
        args=given(state, call),
        outcome=outcome,
        key=intended.key,
        attempts=intended.attempt,
        begun=begun.at,
        ended=ended.at if ended and acted is not None else None,
        result=acted.result if acted else None,
        rule=call.judged.rule if call.judged else "",
        approved_by=call.approved_by,
        lease=intended.lease,
    )


async def list_effects(
    store: Store, journal: Journal, *, doubtful: bool = False, limit: int = 50
) -> list[Effect]:
    """The newest effects of all runs, newest first; `doubtful`: only those whose outcome is not known."""
    async with store.pool.connection() as connection:
        found = await connection.execute(
            NEWEST, {"workspace": store.workspace, "doubtful": doubtful, "limit": limit}
        )
        runs = [row[0] for row in await found.fetchall()]
    effects = [effect for run in runs for effect in ledger(await journal.read(run))]
    if doubtful:
        effects = [effect for effect in effects if effect.outcome in ("in doubt", "unknown")]
    return sorted(effects, key=lambda effect: effect.begun, reverse=True)[:limit]
