"""Reaching people, in the loop: reserved by the rules of contact between the verdict and the intent, and settled once it is known what came of it.
An agent whose tools reach nobody asks the database nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Literal

import psycopg

from remit.agents.live import Live
from remit.agents.recheck import RECORDING
from remit.decisions.action import REPLY
from remit.decisions.contacts import Came, Held, Refused, Wanted, held_of, judge
from remit.decisions.eligible import TAKEN_OVER
from remit.errors import Mend, StoreError
from remit.graph.consent import MARKETING
from remit.graph.identifiers import Identifier, identifier
from remit.journal.events import Acted, AnyBody, Json, Judged, Slept
from remit.journal.refs import given
from remit.journal.state import CallState
from remit.models.steps import NAME as STEPS
from remit.store.store import Store
from remit.tools.tool import Reach, Reaches, Tool

HELD, REACHING, SETTLING = "contacts", "reaches people", "contacts to settle"  # in the memory of an advance
CONTACT = "contact"  # what a call sleeps for whose hour has not come
TALKED = "takeover"  # and what for where a colleague talks with them
PATIENCE = timedelta(days=4)  # that a call waits for the hour: over a night, a weekend, a holiday
TEXT = 20_000  # characters of what was said that the graph keeps
OVERTAKEN = "not sent: a colleague has talked with them since. Read what was said, and write anew where that is still needed"
UNSURE = "Whether it happened is not known, and it is not tried again: "
Whom = list[tuple[Identifier, Reaches, Reach]]


async def refused_now(live: Live, call: CallState, tool: Tool) -> list[AnyBody]:
    """What is to be written of a call that people would be asked about, where the rules of contact are against it whatever they say."""
    try:
        wanted = await _wanted(live, call, tool)
    except Mend as error:
        return [_acted(call, tool, "mend", str(error))]
    found = await judge(_store(live), wanted, live.leases.now()) if wanted else []
    against = [one for one in found if not one.passes]
    return [*_denied(call, tool, against)] if against else []


async def hold(
    live: Live, call: CallState, tool: Tool, begun: bool, valid: Mapping[str, Json] | None = None
) -> list[AnyBody]:
    """Reserve whom a call reaches. Empty: it may happen now; else what is to be written in its place. `begun`: it may have happened
    before; `valid`: its arguments, where the tool has checked them. Raises StoreError."""
    if call.undoes is not None:
        return []
    try:
        if not (wanted := await _wanted(live, call, tool, valid)):
            return []
        if _overtaken(call) and any(one.purpose == REPLY for one in wanted):
            return [_acted(call, tool, "mend", OVERTAKEN)]
        await _all_held(live)
        found, held = await live.desk.reserve(live.workspace, wanted, live.leases.now(), begun)
    except Mend as error:
        return [_acted(call, tool, "mend", str(error))]
    except (psycopg.Error, OSError) as error:
        words = str(error).strip() or type(error).__name__
        raise StoreError(f"who may be reached could not be read: {words}") from error
    if not found:
        others = [one for one in live.memory[HELD] if one.call != call.call.id]
        live.memory[HELD] = [*others, *held]
        return []
    if begun:
        return [_acted(call, tool, "unknown", UNSURE + _words(found))]
    until = max((one.until for one in found if one.until is not None), default=None)
    if all(one.passes for one in found) and until is not None and until - live.leases.now() <= PATIENCE:
        talked = any(rule.rule == TAKEN_OVER for one in found for rule in one.rules)
        why = f"waits for {'a colleague' if talked else 'the hour'}: {_words(found)}"
        return [Slept(until=until, why=why, call_id=call.call.id, limit=TALKED if talked else CONTACT)]
    return _denied(call, tool, found)


def _overtaken(call: CallState) -> bool:
    """Whether a colleague has talked with them since it was wanted: an answer to what they wrote then is none any more."""
    return call.slept is not None and call.slept.limit == TALKED


async def settle_contacts(live: Live) -> None:
    """Say what came of whom the run was to reach; what was sent becomes a part of their history. That goes on beside the run, until it
    rests (`contacts_settled`): what is reserved counts meanwhile. Raises StoreError."""
    if live.memory.get(HELD) == [] or not _reaches(live):
        return
    await _all_held(live)
    held: list[Held] = live.memory[HELD]
    for name in dict.fromkeys(one.call for one in held):
        if (came := _came(live, name)) is not None:
            await live.settled()  # nothing is said of an outcome that may yet be lost
            mine = [one for one in held if one.call == name]
            live.memory.setdefault(SETTLING, []).append(_settled(live, name, *came, mine))
            held = live.memory[HELD] = [one for one in held if one.call != name]


async def contacts_settled(live: Live) -> None:
    """Wait until all that was said of whom the run has reached is kept. Raises StoreError."""
    try:
        for done in live.memory.pop(SETTLING, ()):
            await done
    except (psycopg.Error, OSError) as error:
        words = str(error).strip() or type(error).__name__
        raise StoreError(f"whom the run has reached could not be kept: {words}") from error


async def _all_held(live: Live) -> None:
    """Know what earlier advances have reserved and nobody has settled."""
    if HELD in live.memory:
        return
    try:
        live.memory[HELD] = await held_of(_store(live), live.run) if _has_reached(live) else []
    except (psycopg.Error, OSError) as error:
        words = str(error).strip() or type(error).__name__
        raise StoreError(f"whom the run was to reach could not be read: {words}") from error


def _has_reached(live: Live) -> bool:
    """Whether the run may have reserved somebody: it wanted such a call."""
    tools = (live.tools.get(call.call.tool) for call in live.state.calls.values())
    return any(tool is None or tool.reaching for tool in tools)


def _came(live: Live, name: str) -> tuple[Literal["sent", "failed"], str] | None:
    """What came of a call; None: it is in doubt."""
    call = live.state.calls.get(name)
    if call is None or (call.acted is None and call.intended is None):
        return "failed", "it was not begun"
    if call.acted is None:
        return None
    if call.acted.status == "ok":
        return "sent", ""
    begun = call.intended is not None and (call.acted.status == "rejected" or call.intended.attempt > 1)
    if (
        call.acted.status == "unknown" or begun
    ):  # of what was in doubt, that it did not happen is no certainty
        return "sent", "nobody knows whether it was"
    return "failed", str(call.acted.result)


def _settled(
    live: Live, name: str, state: Literal["sent", "failed"], why: str, held: Sequence[Held]
) -> asyncio.Future[None]:
    call = live.state.calls.get(name)
    result = call.acted.result if call is not None and call.acted is not None else None
    refused = result.get("refused") if isinstance(result, dict) else None
    lost = [one for one in held if isinstance(refused, dict) and one.value in map(str.lower, refused)]
    came = [Came(live.run, name, "failed", "the server refuses it", one.profile) for one in lost]
    told = state == "sent" and not why and call is not None
    rows = [_row(live, call, one, result) for one in held if one not in lost] if told and call else []
    return live.desk.settle(live.workspace, [*came, Came(live.run, name, state, why)], rows)


def _row(live: Live, call: CallState, held: Held, result: Json) -> dict[str, Json]:
    """What was sent, as the graph takes it in."""
    args = given(live.state, call)
    told = result if isinstance(result, dict) else {}
    message = str(told.get("id") or told.get("message") or "")
    about = {
        "message": message,
        "run": live.name,
        "purpose": held.purpose,
        "action": held.action,
        "by": held.by,
        "colleague": _colleague(live),
    }
    return {
        "id": f"{live.name}:{call.call.id}:{held.profile}",
        "at": held.at.isoformat(),
        "kind": "message",
        "channel": held.channel,
        "direction": "out",
        "identifiers": {held.kind: held.value},
        "conversation": (live.memory.get(f"conversation {call.call.id}") or message)[:300],
        "subject": str(args.get("subject") or "")[:1_000],
        "text": str(args.get("text") or args.get("body") or "")[:TEXT],
        "properties": {key: value for key, value in about.items() if value},
    }


def _colleague(live: Live) -> str:
    """Whose words a run sends that thinks nothing itself; empty: nobody's in particular."""
    return live.state.started.person.by if live.state.started and live.model.name == STEPS else ""


async def _wanted(
    live: Live, call: CallState, tool: Tool, valid: Mapping[str, Json] | None = None
) -> list[Wanted]:
    """Whom a call reaches, each once. Raises Mend for what is no address."""
    if not tool.reaching or RECORDING in live.resources:
        return []
    args = valid
    if args is None:
        written = given(live.state, call)
        args = tool.validate(written) if tool.validate else written
    whom = [one for reaches in tool.reaching for one in await _whom(live, call, reaches, args)]
    action, floor = _decided(live)
    live.memory[f"conversation {call.call.id}"] = next((one.conversation for _, _, one in whom), "")
    wanted = (
        Wanted(
            who.key, reaches.channel, floor if floor == MARKETING else reach.purpose, live.spec.name, action, live.run, call.call.id,
        )
        for who, reaches, reach in whom
    )  # fmt: skip
    return list(dict.fromkeys(wanted))


async def _whom(live: Live, call: CallState, reaches: Reaches, args: Mapping[str, Json]) -> Whom:
    if reaches.find is not None:
        reach = await reaches.find(live.context(call.call.id), args)
    else:
        values = [part for name in reaches.arguments for part in _parts(name, args.get(name))]
        reach = Reach(values, MARKETING if args.get(reaches.advertises) else reaches.purpose)
    try:
        return [(identifier(reaches.identifiers, one), reaches, reach) for one in reach.whom]
    except ValueError as error:
        raise Mend(f"whom to reach: {error}") from error


def _parts(name: str, value: Json) -> list[str]:
    """One address, several, or several in one text. Raises Mend."""
    if value is None:
        return []
    several = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int) for one in several):
        raise Mend(f"{name}: write an address, or a list of them")
    return [part.strip() for one in several for part in re.split(r"[,;\n]", str(one)) if part.strip()]


def _decided(live: Live) -> tuple[str, str]:
    """Of a run that carries a decision out: the action's name and its purpose, by which what it sends is no less than that."""
    inputs = live.state.started.inputs if live.state.started else {}
    decision = inputs.get("decision")
    told = decision if isinstance(decision, Mapping) else {}
    return str(told.get("action") or ""), str(told.get("purpose") or "")


def _denied(call: CallState, tool: Tool, found: Sequence[Refused]) -> list[AnyBody]:
    names = dict.fromkeys(rule.rule for one in found for rule in one.rules)
    judged = Judged(
        call_id=call.call.id,
        tool=tool.name,
        effect=tool.effect,
        decision="deny",
        rule=f"{CONTACT}: {', '.join(names)}",
        reasons=[f"{one.wanted.who[1]}: {one.why}" for one in found],
    )
    return [judged, _acted(call, tool, "denied", "not sent, to nobody: " + _words(found))]


def _words(found: Sequence[Refused]) -> str:
    return ". ".join(f"{one.wanted.who[1]}: {one.why}" for one in found)


def _acted(call: CallState, tool: Tool, status: str, result: str) -> Acted:
    return Acted(
        call_id=call.call.id,
        tool=tool.name,
        effect=tool.effect,
        status=status,
        result=result,
        integrity="system",
    )


def _reaches(live: Live) -> bool:
    if REACHING not in live.memory:
        live.memory[REACHING] = RECORDING not in live.resources and any(
            tool.reaching for tool in live.tools.values()
        )
    return bool(live.memory[REACHING])


def _store(live: Live) -> Store:
    return live.journal.store.as_owner(live.workspace)
