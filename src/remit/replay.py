"""Running a run again against another model, prompt or policy, without effects.

The tools answer with what was recorded, people are taken at their recorded word, effects are simulated. The replay is
written when it has ended, in one append: no worker ever meets one that it could go on with in earnest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4

from remit.agents.airlock import PASSED
from remit.agents.live import Live
from remit.agents.loop import advance
from remit.agents.recheck import RECORDING
from remit.agents.recording import (
    Draft,
    RecordedModel,
    Recording,
    Unshared,
    UsedUp,
    as_simulated,
    harmless,
    rechecked,
    record,
)
from remit.agents.spec import Agent, Rule
from remit.agents.workspace import Workspace
from remit.app import App
from remit.errors import UserError
from remit.journal.cut import take_over
from remit.journal.events import (
    Amended,
    Answered,
    AnyBody,
    Asked,
    Event,
    Finished,
    Replied,
    Screened,
    Started,
    Woken,
)
from remit.journal.facts import facts_with
from remit.journal.state import State, fold
from remit.models.model import Model
from remit.models.prices import require_price
from remit.outfit import agent_at, agent_of, outfit

USED_UP = "the recorded answers of the model are used up, and the run would go on"


@dataclass(frozen=True, slots=True)
class Changes:
    """What is to be different. `agent` replaces the whole spec; the others are put over it."""

    agent: Agent | None = None
    model: Model | str | None = None
    instructions: str | None = None
    rules: tuple[Rule, ...] | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How a run is replayed.

    `recorded`: the model's answers are the recorded ones too, so that only the gate can differ. `live_reads`: what was
    not recorded is really read. `assume`: what an approval that nobody was asked for is taken to be; without it, the
    replay ends there.
    """

    recorded: bool = False
    live_reads: bool = False
    assume: Literal["approve", "reject"] | None = None


async def replay(
    app: App,
    run: UUID,
    changes: Changes | None = None,
    terms: Terms | None = None,
    *,
    at: int | None = None,
    watch: Callable[[Event], None] | None = None,
) -> UUID:
    """Run a run again from its beginning, or from event `at` on, and return the replay's id: a run that has ended, whose
    effects are `simulated` and whose spec says shadow. Where a person would have to be asked something that nobody was
    asked before, it ends as "cannot verify" and says so.

    Raises UserError for a run that is still going, and as `App.start` and `App.fork` do.
    """
    changes, terms = changes or Changes(), terms or Terms()
    events = await app.journal.read(run)
    status = fold(events).status
    if not events or not isinstance(first := events[0].body, Started):
        raise UserError(f"there is no run {run}")
    if status == "running":
        raise UserError(f"run {run} is still going: wait for it to end, or `remit pause {str(run)[:8]}`")
    agent = await _judged_by(app, events, changes)
    if (at or 1) > 1 and agent.reading != agent_at(events).reading:
        raise UserError(
            "a run is read one way from its beginning: `reading` cannot change on the way. Replay it from there, without --at"
        )
    model = await _model(app, agent, changes, terms, events, at or 1)
    kept = [_open_to_all(body) for body in take_over(events, at or 1, datetime.now(UTC))]
    spec = agent if terms.recorded else agent.model_copy(update={"model": model.name})
    begun = first.model_copy(
        update={"fork_of": run, "fork_seq": at or 1, "parent": None, "spec": _shadow(spec)}
    )
    recording = record(events, at or 1, outfit(agent).tools)
    draft = Draft(app.store, recording=recording)
    live = await _live(app, [begun, *kept], model, draft, terms, watch)
    live.memory[PASSED] = _passed(events)
    live.spec = rechecked(agent)  # judged by its own autonomy: what keeps it harmless is its tools
    try:
        await _drive(live, recording, terms)
    except asyncio.CancelledError:
        live.write(Finished(status="cancelled", why="the replay was broken off"))
        raise
    finally:
        if live.state.finished is not None:
            new = [as_simulated(event.body) for event in draft.written]
            bodies = [begun, *kept, *new]
            await app.journal.append(live.run, 0, bodies, facts_with(State(), bodies))
    return live.run


def _passed(events: Sequence[Event]) -> frozenset[str]:
    """The words that the airlock let through then: whether there is a record of an id is not looked up again."""
    forms = (event.body.form.values() for event in events if isinstance(event.body, Screened))
    values = (value if isinstance(value, list) else [value] for form in forms for value in form)
    return frozenset(one for several in values for one in several if isinstance(one, str))


async def _judged_by(app: App, events: Sequence[Event], changes: Changes) -> Agent:
    """The spec that the replay is judged by, autonomy included. A replay's own says shadow, so that of a replay is
    looked up where it came from."""
    then, started = agent_at(events), events[0].body
    agent = changes.agent or then
    agent = Workspace(rules=then.workspace).over(agent)  # what held for every agent held for this one
    while changes.agent is None and agent.remit.autonomy == "shadow":
        if not isinstance(started, Started) or started.fork_of is None:
            break
        earlier = await app.journal.read(started.fork_of)
        if not earlier or not isinstance(earlier[0].body, Started):
            break
        started = earlier[0].body
        agent = agent.model_copy(update={"remit": agent_of(started).remit})
    over: dict[str, object] = {}
    if changes.instructions is not None:
        over["instructions"] = changes.instructions
    if changes.rules is not None:
        over["rules"] = changes.rules
    agent = agent.model_copy(update=over)
    outfit(agent)
    return agent


async def _model(
    app: App, agent: Agent, changes: Changes, terms: Terms, events: Sequence[Event], since: int
) -> Model:
    acts = [e.body for e in events if isinstance(e.body, Answered) and e.body.purpose == "act"]
    if terms.recorded:
        if changes.model is not None:
            raise UserError("the recorded answers are a model's: leave out either the model or --recorded")
        after = [e.body for e in events[since:] if isinstance(e.body, Answered)]
        return RecordedModel(after, acts[-1].model if acts else "recorded")
    if changes.model is not None and not isinstance(changes.model, str):
        model: Model = changes.model
        app.models[model.name] = model
    else:
        wanted = changes.model or agent.model
        if wanted == "auto" and acts and ":" in acts[-1].model:
            wanted = acts[-1].model  # which one it was then
        model = await app.model(wanted)
    if agent.remit.budget.money is not None:
        require_price(model)
    return model


def _shadow(agent: Agent) -> Mapping[str, object]:
    remit = agent.remit.model_copy(update={"autonomy": "shadow"})
    return agent.model_copy(update={"remit": remit}).model_dump(
        mode="json", by_alias=True, exclude_defaults=True
    )


async def _live(
    app: App,
    bodies: Sequence[AnyBody],
    model: Model,
    draft: Draft,
    terms: Terms,
    watch: Callable[[Event], None] | None,
) -> Live:
    """The replay, ready to be driven, with tools that can do nothing."""

    def see(event: Event) -> None:
        if watch is not None:
            watch(Event(event.run, event.seq, event.at, as_simulated(event.body)))

    run, now = uuid4(), datetime.now(UTC)
    begun = [Event(run, i, now, body) for i, body in enumerate(bodies, 1)]
    resources: Mapping[str, object] | None = None if terms.live_reads else {}
    live = await app.live_from(run, begun, model=model, resources=resources, watch=see)
    tools = live.tools.items()
    live.tools = {name: harmless(tool, live.rules, draft.recording, terms.live_reads) for name, tool in tools}
    live.resources = {**live.resources, RECORDING: draft.recording}
    live.rules = live.rules.without_terms()
    live.journal, live.leases = draft, Unshared(app.store)
    live.limits = {}  # it calls nothing, and must not take the turns of those who do
    return live


async def _drive(live: Live, recording: Recording, terms: Terms) -> None:
    """Advance until it ends: answer as was answered, and wait for nobody."""
    why = ""
    while live.state.finished is None:
        moved = _answer(live, recording, terms)
        for call_id in list(live.state.timers):
            live.write(Woken(call_id=call_id, why="a replay does not wait"))
        before = live.state.seq
        try:
            await advance(live)
        except UsedUp:
            why = USED_UP
        if why or (not moved and live.state.seq == before):
            break
    if live.state.finished is None:
        asks = "; ".join(f"{ask.ask_id}: {ask.text}" for ask in live.state.waits.values())
        live.write(
            Finished(status="cannot verify", why=why or f"the replay ends where a person is needed: {asks}")
        )


def _open_to_all(body: AnyBody) -> AnyBody:
    """A question that one recorded, or assumed, word answers, whoever's it is: a replay has no effects to guard."""
    if not isinstance(body, Asked):
        return body
    return body.model_copy(update={"by": [], "persons": 1, "escalates": None, "to": []})


def _answer(live: Live, recording: Recording, terms: Terms) -> bool:
    """Give the recorded words of people to what waits. False: nothing was there to give."""
    found = []
    for asked in live.state.waits.values():
        reply = recording.reply(live.state, asked) or _assumed(asked, terms)
        if reply is not None:
            about = {"call_id": asked.call_id} if isinstance(reply, Amended) else {}
            found.append(reply.model_copy(update={"ask_id": asked.ask_id, **about}))
    if found:
        live.write(*found)
    return bool(found)


def _assumed(asked: Asked, terms: Terms) -> Replied | None:
    if asked.kind != "approval" or terms.assume is None:
        return None
    return Replied(ask_id=asked.ask_id, decision=terms.assume, by="assumed by the replay")
