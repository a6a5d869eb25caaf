"""The loop: think, judge, act, observe, until the goal is met, somebody is needed, or the remit ends.

`advance` may be killed anywhere and called again by any worker: all it knows is in the journal, of two writers one
wins, and an effect is intended before and recorded after. A waiting run is simply one that `advance` returned from.
"""

from __future__ import annotations

from collections.abc import Reversible
from itertools import islice

from remit.agents.act import act
from remit.agents.airlock import screen
from remit.agents.finish import conclude
from remit.agents.grant import freeze, needed
from remit.agents.live import Live
from remit.agents.progress import nudge, stalled
from remit.agents.reach import OVERTAKEN, contacts_settled, settle_contacts
from remit.agents.settle import wind_up
from remit.agents.spend import paid, rest, room_again
from remit.agents.sums import settle_sums
from remit.agents.think import OWN, over_limit, think
from remit.errors import ModelError, ToolFault
from remit.journal.events import Acted, Asked, Finished, Nudged, Replied, Woken
from remit.journal.state import CallState

EMPTY = "You answered nothing. Call a tool, or call finish with a report."


async def advance(live: Live) -> None:
    """Go on with a run until it ends or waits. Raises StaleWriter if another worker has taken it over, and
    StoreError if the database is away; the journal is whole in either case."""
    try:
        while await step(live):
            pass
    except ToolFault as error:
        live.write(Finished(status="failed", why=str(error)))
    except ModelError as error:
        live.write(_model_failed(live, error))
    await live.settled()
    await contacts_settled(live)
    await rest(live)


async def step(live: Live) -> bool:
    """One turn of the loop. False: the run has ended, is paused, or waits."""
    state = live.state
    if state.paused:
        return False
    live.leases.check(live.run)
    if state.finished:
        moved = await wind_up(live)
        await settle_sums(live)
        await settle_contacts(live)
        return moved
    _wake(live)
    _expire(live)
    _overtaken(live)
    if _given_up(live):
        return True
    if needed(live):
        return await paid(live, freeze)
    if finish := _only_finish_open(live):
        await conclude(live, finish)
        return True
    if state.open:
        before = state.seq
        await act(live)
        return state.seq > before  # nothing moved: all that is open waits for somebody
    if state.waits or state.timers:
        return await room_again(live)
    if live.transcript.messages[-1].role == "assistant":  # it answered, and called nothing
        await _said(live)
    elif standstill := stalled(_latest(state.calls.values()), live.transcript.spoken):
        _no_progress(live, nudge(state.nudges, standstill))
    elif stop := over_limit(live):
        live.write(stop)
    elif live.transcript.veil and live.transcript.veil.open:
        return await paid(live, screen)
    else:
        return await paid(live, think)
    return True


def _wake(live: Live) -> None:
    if not live.state.timers:
        return
    now = live.leases.now()
    for call_id, until in list(live.state.timers.items()):
        if until <= now and (call_id or live.state.short is None):
            live.write(Woken(call_id=call_id))


def _expire(live: Live) -> None:
    if not live.state.waits:
        return
    now = live.leases.now()
    for asked in list(live.state.waits.values()):
        if asked.expires is not None and asked.expires <= now:
            live.write(
                Replied(ask_id=asked.ask_id, decision="reject", by="expiry", text="nobody answered in time")
            )


def _overtaken(live: Live) -> None:
    """What was to reach somebody with whom a colleague has talked since is not sent as it was meant: the model looks again."""
    for call in list(live.state.open.values()) if live.state.back else ():
        tool = live.tools.get(call.call.tool)
        if call.seq > live.state.back or call.doubtful or tool is None or not tool.reaching:
            continue
        if call.asked is not None and call.replied is None:
            live.write(
                Replied(ask_id=call.asked.ask_id, decision="reject", by=live.state.back_by, text=OVERTAKEN)
            )
        elif call.call.id not in live.state.timers:
            live.write(
                Acted(
                    call_id=call.call.id,
                    tool=tool.name,
                    effect=tool.effect,
                    status="mend",
                    result=OVERTAKEN,
                    integrity="system",
                )
            )


def _given_up(live: Live) -> bool:
    """A person rejected what the run itself waited for (more budget, a way out): that ends it."""
    for ask_id, reply in live.state.replies.items():
        if reply.decision == "reject" and not live.state.asked[ask_id].call_id:
            why = f"{live.state.asked[ask_id].text} {reply.by} said no. {reply.text}".strip()
            live.write(Finished(status="not met", why=why))
            return True
    return False


def _only_finish_open(live: Live) -> CallState | None:
    """The finish call, when it is all that is open; with a failed sibling it is put off, so that the model looks."""
    if len(live.state.open) != 1:
        return None
    call = next(iter(live.state.open.values()))
    if call.call.tool != "finish" or call.asked is not None:
        return None
    siblings = [
        c for c in live.state.calls.values() if c.seq == call.seq and c is not call and c.call.tool not in OWN
    ]
    if any(c.acted and c.acted.status != "ok" for c in siblings):
        text = "not finished yet: another call of the same answer did not succeed; read its result first"
        live.write(Acted(call_id=call.call.id, tool="finish", effect="self", status="mend", result=text))
        return None
    return call


async def _said(live: Live) -> None:
    """Words without a call are the report; nothing at all is not."""
    last = live.state.last
    text = last.text.strip() if last else ""
    if text and live.spec.output is None:
        await conclude(live, None, report=text)
        return
    empty = sum(n.reason == "empty answer" for n in live.state.nudges)
    if empty >= 2:
        live.write(Finished(status="failed", why="the model answered nothing three times"))
        return
    words = EMPTY if not text else "Call finish with the output as its schema says."
    live.write(Nudged(level=0, reason="empty answer", text=words))


def _no_progress(live: Live, nudged: Nudged) -> None:
    if nudged.level < 3:
        live.write(nudged)
        return
    number = sum(ask_id.startswith("stuck") for ask_id in live.state.asked) + 1
    text = f"The run is stuck: {nudged.reason}. Answer with advice, or reject to end it."
    told = nudged.model_copy(update={"text": "A person was asked what to do."})
    live.write(told, Asked(ask_id=f"stuck{number}", kind="question", text=text))


def _latest(calls: Reversible[CallState]) -> list[CallState]:
    """The last few, in order."""
    return list(islice(reversed(calls), 8))[::-1]


def _model_failed(live: Live, error: ModelError) -> Asked:
    number = sum(ask_id.startswith("model") for ask_id in live.state.asked) + 1
    text = f"The model failed: {error}. Approve to try again once that is mended, or reject to end the run."
    return Asked(ask_id=f"model{number}", kind="question", text=text)
