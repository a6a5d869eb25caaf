"""Effects in doubt: begun, by a process that is dead or a person who ended the run, and nothing known of the outcome.
Settled by the tool's key, by looking, or by a person; never by trying again blindly. And effects that are taken back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from remit.agents.connected import called
from remit.agents.live import Live
from remit.agents.reach import hold
from remit.agents.turns import rest
from remit.errors import CannotTell, StaleWriter
from remit.gate.approval import endorsed_of, enough, terms_of
from remit.gate.confidentiality import unscoped
from remit.gate.fields import REST
from remit.journal.events import Acted, Asked, Intended, Json, Judged, Person, Replied, Slept
from remit.journal.refs import given
from remit.journal.state import CallState, State
from remit.tools.call import call as call_tool
from remit.tools.result import is_kept
from remit.tools.tool import Labelled, Tool

PAUSE = 0.1  # seconds before an effect whose answer was lost is looked into, doubled with each attempt
# Of one effect, after which a person decides: what kills its worker each time must not kill them all
TRIES = 5


async def run(
    live: Live, call: CallState, key: str, again: bool = False, valid: Mapping[str, Json] | None = None
) -> Acted | Slept:
    """Call the tool for its effect; `again`: it may have happened before; `valid`: its arguments, where it has checked them. It sleeps where its connection takes no more for now. Raises StaleWriter where a cancelled run broke it off: whether it happened is then
    found out when the run is wound up."""
    tool = live.tools[call.call.tool]
    tool = undo_of(tool, call) if call.undoes is not None else tool
    args = given(live.state, call)
    try:
        context = live.context(call.call.id, key)
        outcome = await live.attempt(call_tool(tool, context, args, valid=valid, again=again))
    except asyncio.CancelledError:
        if not live.interrupted:
            raise
        raise StaleWriter(f"run {live.run} was cancelled while {tool.name} was under way") from None
    called(live, tool, args, outcome)
    if outcome.full is not None and not again and (slept := await rest(live, call, outcome.full)):
        return slept
    return acted(call, tool, outcome.status, outcome.result, outcome.seconds, labels=outcome.labels)


def acted(
    call: CallState,
    tool: Tool,
    status: str,
    result: Json,
    seconds: float = 0.0,
    source: str = "",
    rule: str = "",
    labels: Labelled | None = None,
) -> Acted:
    if labels is not None:
        tool = replace(
            tool, integrity=labels.integrity, fields=labels.fields, confidentiality=labels.confidentiality
        )
    return Acted(
        call_id=call.call.id,
        tool=tool.name,
        effect=tool.effect,
        status=status,
        result=result,
        integrity=tool.integrity,
        # Declared for the result that the tool returns: not for what is undone, or too long to be kept as it was.
        fields=dict(tool.fields) if status == "ok" and call.undoes is None and not is_kept(result) else {},
        confidential=_confidential(call, tool, status, result),
        source=source or tool.name,
        origin=labels.source if labels else "",
        definition=tool.definition,
        seconds=round(seconds, 3),
        rule=rule,
    )


def _confidential(call: CallState, tool: Tool, status: str, result: Json) -> dict[str, str]:
    """As declared; of what is not the declared result, as an error or a file that it went to, all as the strictest part."""
    says = tool.confidentiality
    if not says or (status == "ok" and call.undoes is None and not is_kept(result)):
        return dict(says)
    return {REST: unscoped(says.values())}


async def perform(
    live: Live, call: CallState, *verdicts: Judged, valid: Mapping[str, Json] | None = None
) -> None:
    """Carry an effect out: whom it reaches reserved, the intent durable before it, under a lease that counts, and the outcome after.
    `valid`: the arguments, where the tool has just checked them."""
    intent = call.intended
    attempt = intent.attempt + 1 if intent else 1
    tool = live.tools[call.call.tool]
    again = attempt > 1 and tool.settle.how != "lookup"
    if tool.reaching and (instead := await hold(live, call, tool, again, valid)):
        live.write(*verdicts, *instead)
        await live.settled()
        return
    key = intent.key if intent else f"{live.run}:{call.call.id}"
    intended = Intended(call_id=call.call.id, key=key, attempt=attempt, lease=live.leases.id.hex)
    live.write(*verdicts, intended)
    await live.settled()
    async with live.leases.effect(live.run):
        done = await run(live, call, key, again, valid)
    if (
        isinstance(done, Acted) and done.status == "unknown"
    ):  # its answer was lost: in doubt, as after a crash, and settled at the next step
        live.memory[f"lost {call.call.id}"] = done.result
        await asyncio.sleep(min(PAUSE * 2**attempt, 10))
        return
    live.write(done)
    await live.settled()


async def settle(live: Live, call: CallState) -> None:
    """Find out what became of an effect, or do it (again) where that is safe."""
    tool, intent = live.tools.get(call.call.tool), call.intended
    assert intent is not None
    how = tool.settle.how if tool else "ask"
    if call.undoes is not None and how == "lookup":
        how = "ask"  # what would be found is the effect, not its undoing
    gone = tool is None or tool.name in live.withdrawn  # another tool cannot say what became of it
    if gone or how == "ask" or intent.attempt >= TRIES:
        ask_about(live, call)
    elif how in ("key", "repeat"):
        await perform(live, call)
    elif tool is not None and tool.settle.find is not None:
        await _settle_by_look(live, call, tool)
    await live.settled()


async def _settle_by_look(live: Live, call: CallState, tool: Tool) -> None:
    try:
        found = await look(live, call, tool)
    except CannotTell as error:
        live.memory.setdefault(f"lost {call.call.id}", str(error))
        ask_about(live, call)
        return
    if found is None:
        await perform(live, call)
    else:
        live.write(found)


async def look(live: Live, call: CallState, tool: Tool) -> Acted | None:
    """The outcome as the tool's lookup finds it; None if the effect did not happen. Raises CannotTell."""
    assert call.intended is not None
    assert tool.settle.find is not None
    began = time.monotonic()
    for pause in (tool.settle.after, 0.0):
        live.leases.check(live.run)
        found = await tool.settle.find(live.context(call.call.id, call.intended.key), given(live.state, call))
        if found is not None:
            found = live.secrets.hide(found) if live.secrets else found
            return acted(call, tool, "ok", found, time.monotonic() - began)
        await asyncio.sleep(pause)
    return None


def ask_about(live: Live, call: CallState) -> None:
    lost = live.memory.get(f"lost {call.call.id}")
    text = f"{call.call.tool} was begun and its outcome is unknown{f' ({lost})' if lost else ''}. "
    text += "Approve to do it (again), reject to leave it, or answer with its result if it happened."
    number = call.intended.attempt if call.intended else 1
    ask_id = f"d{call.call.id}" if number == 1 else f"d{call.call.id}.{number}"
    live.write(Asked(ask_id=ask_id, kind="doubt", text=text, call_id=call.call.id))


async def doubt_answered(live: Live, call: CallState, tool: Tool) -> None:
    """A person knows what became of the effect, or decides."""
    reply = call.replied
    assert reply is not None
    asked, person = call.asked, live.state.started.person if live.state.started else Person()
    assert asked is not None
    if reply.decision == "approve":
        if why := enough(terms_of(live.state, asked), endorsed_of(call, asked), person, reply):
            too_few = rejected(call, tool, reply, "").model_copy(
                update={"result": why, "integrity": "system"}
            )
            live.write(too_few)
        else:
            await perform(live, call)
    elif reply.decision == "answer":
        live.write(acted(call, tool, "ok", reply.text, source=reply.by))
    else:
        live.write(rejected(call, tool, reply, "left undone"))
    await live.settled()


def rejected(call: CallState, tool: Tool, reply: Replied, otherwise: str) -> Acted:
    """A person said no: in their words, or `otherwise`."""
    told = acted(call, tool, "rejected", reply.text or otherwise, source=reply.by)
    return told.model_copy(update={"integrity": "person"})


async def wind_up(live: Live) -> bool:
    """What is left to do in a run that has ended: say what became of effects that were under way, and take back what
    a person wants taken back. False: nothing."""
    before = live.state.seq
    for call in list(live.state.open.values()):
        tool = live.tools.get(call.call.tool)
        if call.undoes is not None:
            await undo(live, call, tool)
        elif call.doubtful:
            found = None
            if tool is not None and tool.settle.find is not None:
                with suppress(CannotTell):
                    found = await look(live, call, tool)
                    found = found or acted(call, tool, "failed", "the run ended before it happened")
            live.write(found or _unknown(call, tool))
    await live.settled()
    return live.state.seq > before


def _unknown(call: CallState, tool: Tool | None) -> Acted:
    effect = tool.effect if tool else "destroy"
    text = "the run ended while this was under way; nobody can say whether it happened"
    return Acted(call_id=call.call.id, tool=call.call.tool, effect=effect, status="unknown", result=text)


async def undo(live: Live, call: CallState, tool: Tool | None) -> None:
    """Take an effect back, once: an effect of its own, with its own key and intent."""
    assert call.undoes is not None
    if call.asked is not None and call.replied is None:
        return
    if tool is None or tool.undo is None:
        live.write(
            _unknown(call, tool).model_copy(update={"status": "failed", "result": "it cannot be undone"})
        )
    elif call.doubtful and call.replied is not None:
        await doubt_answered(live, call, tool)
    elif call.doubtful:
        await settle(live, call)
    else:
        judged = Judged(
            call_id=call.call.id,
            tool=tool.name,
            effect=tool.effect,
            decision="allow",
            rule="a person wants it undone",
            reasons=[call.wanted_by],
        )
        await perform(live, call, judged)


def undo_of(tool: Tool, call: CallState) -> Tool:
    """The tool that takes the effect of a call back."""
    take_back, undone = tool.undo, call.undoes
    if take_back is None or undone is None:
        raise StaleWriter(f"{tool.name} cannot be undone any more")
    result = undone.acted.result if undone.acted else None

    async def call_it(context: object, args: object) -> Json:
        return await take_back(context, args, result)  # type: ignore[arg-type]

    return replace(tool, call=call_it, undo=None)


def outcomes(live: Live) -> dict[str, tuple[Acted, Intended | None]]:
    """The outcomes of effects that were not written because somebody appended meanwhile, each with its intent."""
    bodies = [event.body for append in live.under_way for event in append.events]
    done = [b for b in bodies if isinstance(b, Acted) and b.effect in ("egress", "destroy")]
    return {b.call_id: (b, call.intended) for b in done if (call := live.state.calls.get(b.call_id))}


def still_open(state: State, lost: Mapping[str, tuple[Acted, Intended | None]]) -> list[Acted]:
    """Those of the outcomes that are to be written now: of the very attempt that the journal still knows no end of."""
    return [
        acted
        for name, (acted, intended) in lost.items()
        if (call := state.open.get(name)) is not None and call.intended == intended
    ]
