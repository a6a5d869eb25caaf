"""A person changes a call that they are asked about, and says yes to it as it is then: for the command line, the API and the
console alike.

The changed call is judged here, by the gate and with the facts of this moment, before anything is written: a person is told
at once what is wrong with a value, which rule denies the call, and what would make it allowed. Then the change, the
verdict, the question and their yes go into the journal in one append, so that no crash leaves one without the others.
Whoever advances the run judges the call once more before it happens, as after any yes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from remit.agents.judging import ask_about, judge_call, judged_of, why
from remit.agents.live import Live
from remit.app import App
from remit.errors import Mend, NotAsChanged, NotWaiting, StaleWriter, ToolFault, UserError
from remit.gate.explain import explain
from remit.gate.proposal import Facts, Proposal, Verdict
from remit.journal.body import unkept
from remit.journal.events import Amended, AnyBody, Asked, Endorsed, Event, Json, Replied
from remit.journal.facts import facts_with
from remit.journal.refs import given, has_reference
from remit.journal.rolling import is_sum
from remit.journal.state import CallState, State, fold
from remit.models.model import Unopened
from remit.outfit import agent_of, narrowed_by, outfit
from remit.past import inherited
from remit.steering import RELOADS, People, meant, word
from remit.tools.schema import lacks, typed, unfit
from remit.tools.tool import Tool

NOT_FOR_GOOD = "what is remembered is a call as the agent makes it, and not one that a person had to change"


async def answer_changed(
    app: App,
    run: UUID,
    by: str,
    changes: Mapping[str, Json],
    text: str = "",
    ask: str = "",
    seen: Callable[[Asked], bool] = lambda asked: True,
) -> Replied | Endorsed:
    """Say yes to a call that a run asks about, with these arguments in place of its own; None, where an argument cannot be
    that, leaves it out. What changes nothing is a yes to the call as it stands. Otherwise as `App.answer`.

    Raises NotWaiting, UserError as that does, and NotAsChanged for values that the tool does not take and for a call that is
    then denied: nothing is recorded of that, and the call waits as it was.
    """
    for _ in range(RELOADS):
        events = await app.journal.read(run)
        state = fold(events)
        asked = meant(state, ask) if events else None
        if asked is None or not seen(asked):
            await app.state(run)  # says that there is no such run
            raise NotWaiting(f"{ask} of run {run} asks for something else by now; look again")
        call, tool = _call(state, asked)
        change = _change(state, asked, call, tool, changes, by)
        if change is None:
            return await app.answer(run, "approve", by, text, asked.ask_id, seen)
        now, people = await app.now(), await app.people()
        word(state, asked, "reject", by, "", now, people.about(state, asked))  # whether they have a say in it
        bodies = await _as_changed(app, events, change, text, now, people)
        try:
            await app.journal.append(run, events[-1].seq, bodies, facts_with(state, bodies))
        except StaleWriter:
            continue
        said = bodies[-1]
        assert isinstance(said, Replied | Endorsed)
        return said
    raise StaleWriter(f"run {run} is being changed by somebody else all the time; try again")


def assigned(state: State, ask: str, written: Sequence[str]) -> dict[str, Json]:
    """Values as `amount=20`, by what the asked call's tool takes. Raises NotWaiting, UserError."""
    _, tool = _call(state, meant(state, ask))
    found: dict[str, Json] = {}
    for one in written:
        name, mark, text = one.partition("=")
        if not mark or not name.strip():
            raise UserError(f"--set {one}: write it as NAME=VALUE")
        found[name.strip()] = typed(tool.schema, name.strip(), text)
    return found


def _call(state: State, asked: Asked) -> tuple[CallState, Tool]:
    """Raises UserError where there is no call that could be changed."""
    call = state.calls.get(asked.call_id)
    if asked.kind != "approval" or call is None or state.started is None:
        raise UserError(f"{asked.ask_id} asks about no call that could be changed: it is a {asked.kind}")
    tool = outfit(agent_of(state.started)).tools.get(call.call.tool)
    if tool is None:
        raise UserError(f"{asked.ask_id}: the tool {call.call.tool} is no longer there")
    return call, tool


def _change(
    state: State, asked: Asked, call: CallState, tool: Tool, changes: Mapping[str, Json], by: str
) -> Amended | None:
    """What is recorded of the changes; None where they change nothing. Raises NotAsChanged."""
    now, taken = given(state, call), tool.schema.get("properties", {})
    wrong: dict[str, str] = {}
    args: dict[str, Json] = {}
    without: list[str] = []
    for name, value in changes.items():
        if odd := unkept(value):
            wrong[name] = f"cannot be kept: {odd}"
        elif name in now and _alike(now[name], value):
            continue  # a form sends every field
        elif value is None and (name not in now or lacks(tool.schema, name)):
            if name in now:
                without.append(name)
        elif name not in taken and name not in now:
            wrong[name] = f"{tool.name} has no such argument; it takes {', '.join(taken) or 'none'}"
        elif has_reference(value):
            wrong[name] = "write the value itself: only the agent refers to results"
        else:
            args[name] = value
    wrong |= unfit(tool.schema, args)
    if wrong:
        raise NotAsChanged(asked.ask_id, fields=wrong)
    if not args and not without:
        return None
    return Amended(ask_id=asked.ask_id, call_id=call.call.id, by=by, args=args, without=without)


def _alike(one: Json, other: Json) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


async def _as_changed(
    app: App, events: Sequence[Event], change: Amended, text: str, now: datetime, people: People
) -> list[AnyBody]:
    """The change, the verdict on the call as it is then, the question about it, and the person's yes to that. Raises
    UserError."""
    live = await _live(app, events)
    live.take(_next(live, change))
    call = live.state.calls[change.call_id]
    tool = live.tools.get(call.call.tool)
    if tool is None:
        raise UserError(f"{change.ask_id}: the tool {call.call.tool} is no longer there")
    try:
        verdict, proposal, facts = await judge_call(live, call, tool, live.context(call.call.id), look=True)
    except (Mend, ToolFault) as error:
        raise NotAsChanged(change.ask_id, str(error)) from error
    if verdict.decision == "deny":
        raise NotAsChanged(change.ask_id, _denied(live, verdict, proposal, facts))
    judged = judged_of(call, tool, verdict, proposal)
    live.take(_next(live, judged))
    asked = ask_about(live, call, tool, verdict, proposal, now)
    live.take(_next(live, asked))
    try:
        circle = people.about(live.state, asked)
        said = word(live.state, asked, "approve", change.by, text, now, circle)
    except UserError as error:
        raise UserError(f"{change.ask_id}: {str(error).removeprefix(f'{asked.ask_id}: ')}") from error
    return [change, judged, asked, said]


async def _live(app: App, events: Sequence[Event]) -> Live:
    """The run as whoever advances it has it, under the rules that hold by now; nothing is written by it."""
    live = await app.root.live_from(events[0].run, events, model=Unopened())
    if new := (await app.root.rules(live.workspace)).missing(live.spec):
        rules = [rule.model_dump(mode="json", exclude_defaults=True) for rule in new]
        live.spec = narrowed_by(live.spec, [*live.state.narrowed, *rules])
        live.rules = outfit(live.spec).rules
    return live


def _next(live: Live, body: AnyBody) -> Event:
    assert live.state.run is not None
    return Event(live.state.run, live.state.seq + 1, datetime.now(UTC), body)


def _denied(live: Live, verdict: Verdict, proposal: Proposal, facts: Facts) -> str:
    """By what, and what would make it allowed."""
    facts = facts._replace(sums={name: one for name, one in verdict.records.items() if is_sum(name)})
    fitted = outfit(live.spec)
    ways = explain(proposal, facts, live.rules, inherited(live.spec, fitted)).ways
    allowed = f". To be allowed: {'; '.join(ways)}" if ways else ""
    return f"as changed it is denied, and waits as it was: {why(verdict)}{allowed}"
