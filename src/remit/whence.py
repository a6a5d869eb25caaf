"""Why a call of a run was made, where the run may be too long to be read whole: of its events those that are about the call, and
those in which its values may stand, which a look at the rows finds without decoding them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import LiteralString
from uuid import UUID

from pydantic_core import from_json, to_json

from remit.gist import REFERENCE
from remit.journal.archive import Row
from remit.journal.events import Acted, Event, Replied
from remit.journal.refs import given
from remit.journal.state import CallState, State, fold
from remit.journal.window import between, fitting, single, top_of
from remit.said import brief
from remit.store.store import Store
from remit.why import Why, sought, why

ALWAYS = (
    "started", "screened", "asked", "amended", "endorsed", "replied", "handed_over", "undo_wanted",
)  # fmt: skip
OF_CALLS = ("answered", "judged", "intended", "acted", "slept", "woken", "delegated", "returned")
ABOUT: LiteralString = """
    select seq, at, type, body::text from events
    where run = %(run)s and (type = any(%(always)s)
        or (type = any(%(of_calls)s)
            and exists (select from unnest(%(named)s::text[]) as one (name) where position(name in body::text) > 0)))
    order by seq
"""
TOLD: LiteralString = """
    select seq, at, type, body::text from events
    where run = %(run)s and seq < %(before)s and type in ('acted', 'replied') order by seq
"""
WORD = re.compile("[0-9a-z]+")
APART = '"big":'  # a value is set apart, and what stands in it is not known before it is put back
# What stands in each of them, however it came out: names of fields, and what is left out of a row at its default
SAME = " ".join(
    brief(body.model_dump(mode="json"), 10**4).casefold()
    for body in (Acted(call_id="", tool=""), Replied(ask_id="", decision="answer", by=""))
)


async def why_of(store: Store, run: UUID, step: str) -> Why:
    """As `why` of the whole run has it. Raises UnknownName where there is no such call or event."""
    call = step
    events, state = await _about(store, run, {call})
    if call not in state.calls:
        top = await top_of(store, run)
        last = top.seq if top else 0
        if step.isascii() and step.isdigit() and int(step[:10]) <= last:
            named = await single(store, run, [int(step)])
            call = next((getattr(one.body, "call_id", "") for one in named), "")
            events, state = await _about(store, run, {call})
        if call not in state.calls:
            return why(await between(store, run, 0, last), step)  # which says what there is
    if referred := _referred(state.calls[call]):
        events, state = await _about(store, run, {call, *referred})
    found = state.calls[call]
    told = await _told(store, run, found.seq, given(state, found).values())
    every = {one.seq: one for one in (*told, *events)}
    return why([every[seq] for seq in sorted(every)], call)


async def _about(store: Store, run: UUID, calls: Iterable[str]) -> tuple[Sequence[Event], State]:
    """The events about these calls, about taking them back, and about people; and what they come to."""
    names = {one.removeprefix("undo:") for one in calls}
    names |= {f"undo:{one}" for one in names}
    named = [to_json(one).decode() for one in names]
    values = {"always": list(ALWAYS), "of_calls": list(OF_CALLS), "named": named}

    def fits(row: Row) -> bool:
        _, _, kind, text = row
        if kind not in OF_CALLS:
            return kind in ALWAYS
        if not any(name in text for name in named):
            return False
        body = from_json(text)
        return (
            names.intersection((body.get("call_id"), *(one.get("id") for one in body.get("calls", ()))))
            != set()
        )

    events = await fitting(store, run, ABOUT, values, fits)
    return events, fold(events)


async def _told(store: Store, run: UUID, before: int, values: Iterable[object]) -> Sequence[Event]:
    """Results and people's words before that event in which one of the values may stand."""
    marks = [found for value in values if (found := marks_of(value)) is not None]
    if not marks:
        return ()

    def fits(row: Row) -> bool:
        seq, _, kind, text = row
        return seq < before and kind in ("acted", "replied") and may_hold(text, marks)

    return await fitting(store, run, TOLD, {"before": before}, fits)


def marks_of(value: object) -> Sequence[str] | None:
    """Words that stand in the row of each event in which the value stands; None: it stands in none."""
    wanted = sought(value)
    return [word for item in wanted for word in WORD.findall(item) if word not in SAME] if wanted else None


def may_hold(row: str, marks: Iterable[Sequence[str]]) -> bool:
    """Whether one of the values may stand in what the row comes to; surely not is said of most."""
    text = row.casefold()
    return any(all(word in text for word in words) for words in marks) or APART in text


def _referred(call: CallState) -> set[str]:
    """The calls to whose results its arguments refer, now or as the model had them."""
    written = [call.call.args, *([call.proposed.args] if call.proposed else [])]
    return {found.decode() for args in written for found in REFERENCE.findall(to_json(args))}
