"""Mail that begins runs, and answers that wake them: mailboxes read by workers, each message once."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from imapclient import IMAPClient

from remit.app import App
from remit.catalogue.find import find_named
from remit.channels import imap
from remit.channels.compose import sent_by
from remit.channels.heard import rows_of
from remit.channels.imap import Place, Raw
from remit.channels.parse import parse
from remit.connections.kept import resolved
from remit.decisions.contacts import reached_by
from remit.errors import Mend, RemitError, UserError
from remit.graph.ingest import take
from remit.journal.events import Json, Woken
from remit.journal.state import CallState, State, fold
from remit.secrets import open_secrets
from remit.store.store import Store
from remit.tools.mail import WAITS, mailbox_of, reading
from remit.tools.tool import ToolContext
from remit.triggers.mailboxes import Box, News, claim, moved, went_wrong

LOG = logging.getLogger(__name__)
EVERY = 1.0  # seconds between looks for mailboxes whose time has come
AT_ONCE = 4  # mailboxes that a process reads
MOST = 20  # messages of one look
LONGEST = 100_000  # characters of a message that an event keeps
SKIPPED = {
    "bounce": "it says that a mail has not arrived",
    "auto": "a machine wrote it",
    "bulk": "it was sent to many",
}


async def read_mailboxes(app: App, stop: asyncio.Event, agents: Collection[str] = ()) -> None:
    """Until `stop`: write down the messages that come, of all workspaces; for these agents only, where any are named. As many
    processes as like do so at once."""
    while not stop.is_set():
        try:
            await look(app, agents)
        except (RemitError, psycopg.Error, OSError) as error:
            LOG.debug("mailboxes cannot be looked after now: %s", error)
        try:
            await asyncio.wait_for(stop.wait(), EVERY)
        except TimeoutError:
            continue


async def look(app: App, agents: Collection[str] = ()) -> int:
    """Once, at those whose time has come; how many that were."""
    store = app.root.store
    boxes = await claim(store, agents, AT_ONCE)
    await asyncio.gather(*(_read(app, store, box) for box in boxes))
    return len(boxes)


@dataclass(frozen=True, slots=True)
class Earlier:
    """The run that has sent what a message answers. `told`: it waited for the answer, and now goes on."""

    run: UUID
    told: bool
    words: str  # what it was about, for the one that begins; empty: that is not for whoever writes now


async def earlier_of(app: App, said: Mapping[str, Json], key: str) -> Earlier | None:
    """None: no run has sent it. `key`: of the event, so that who is asked a second time, as the first one died, says the same."""
    found = sent_by(said["answers"])
    if found is None:
        return None
    run, call, id = found
    why = f"an answer has come ({key[-12:]})"
    try:
        events = await app.journal.read(run)
        state = fold(events)
        if not events or not _sent(state, call, id):
            return None
        told = any(isinstance(one.body, Woken) and one.body.why == why for one in events)
        told = told or await app.wake(run, why, partial(_waits, id))
    except UserError:
        return None
    return Earlier(run, told, _about(state, call, said))


def unwanted(said: Mapping[str, Json], earlier: Earlier | None) -> str:
    """Why no run begins of a message; empty: one does."""
    if earlier is not None and earlier.told:
        return f"run {earlier.run} waits for it, and was told"
    return SKIPPED.get(said["automatic"], "")


def _about(state: State, call: str, said: Mapping[str, Json]) -> str:
    """What a run was asked and came to, for its own reader: whoever else answers is not told of it."""
    acted, started = state.calls[call].acted, state.started
    readers = acted.result.get("to", ()) if acted is not None and isinstance(acted.result, dict) else ()
    if started is None or not said["verified"] or said["from"] not in [one.lower() for one in readers]:
        return ""
    report = state.finished.report if state.finished else ""
    return f"Its goal was: {started.goal}" + (f"\nIt reported: {report}" if report else "")


def _sent(state: State, call: str, id: str) -> bool:
    """Whether that run has sent it: anybody can write such an id."""
    acted = one.acted if (one := state.calls.get(call)) is not None else None
    return acted is not None and isinstance(acted.result, dict) and acted.result.get("id") == id


def _waits(id: str, call: CallState) -> bool:
    return call.call.tool == WAITS and call.call.args.get("id") == id


async def _read(app: App, store: Store, box: Box) -> None:
    try:
        trusted, end, raws = await _fetched(app, box)
    except (UserError, Mend, OSError) as error:
        await went_wrong(store, box, " ".join(str(error).split()))
        return
    wanted = [one for one in raws if box.wants(one.at, one.place.validity)]
    await _heard(store.as_owner(box.workspace), wanted, trusted)  # before they count as read, and each once
    news = [_news(one, trusted, box) for one in wanted]
    await moved(store, box, news, end, more=len(raws) == MOST)


async def _heard(store: Store, raws: Sequence[Raw], trusted: str) -> None:
    """What they say of people goes into the conversation graph."""
    rows: list[Json] = []
    for raw in raws:
        came = parse(raw.data, trusted)
        found = sent_by(came.answers)
        reached = await reached_by(store, *found[:2]) if found else {}
        rows += rows_of(_key(raw), came, raw.at, found[2] if found and reached else "", reached)
    if rows:
        await take(store, list(enumerate(rows, 1)), "mail")


async def _fetched(app: App, box: Box) -> tuple[str, Place, list[Raw]]:
    """Whose word on senders counts, up to where it was read now, and the messages."""
    here = app.within(box.workspace)
    agent = await resolved((await find_named(here.store, box.agent)).agent, here.store)
    one = agent.connections.get(box.connection)
    if one is None or one.mail is None:
        raise UserError(f"the agent's connection {box.connection!r} is no mailbox")
    context = ToolContext(
        run=uuid4(),
        call_id="mail",
        key="mail",
        root=Path(),
        person={},
        inputs={},
        resources={"http_allow": agent.remit.destinations},
        secrets=await open_secrets(agent, {}, here.store),
        connections={box.connection: one.model_dump(mode="json")},
    )
    place = box.place

    def work(client: IMAPClient) -> tuple[Place, list[Raw]]:
        if place is None:
            return imap.end_of(client), []
        found = imap.after(client, place, MOST, box.since)
        return (found[-1].place if found else imap.end_of(client)), found

    mailbox = mailbox_of(context, box.connection)[1]
    end, raws = await reading(context, mailbox, work)
    return mailbox.trusts, end, raws


def _news(raw: Raw, trusted: str, box: Box) -> News:
    came = parse(raw.data, trusted)
    event: dict[str, Json] = {
        "who": came.sender.address,
        "from": came.sender.address,
        "name": came.sender.name,
        "verified": came.sender.verified,
        "to": ", ".join(came.to),
        "subject": came.subject,
        "text": came.text[:LONGEST],
        "quoted": came.quoted[:LONGEST],
        "at": came.at,
        "automatic": came.automatic,
        "answers": list(came.answers[:20]),
        "files": [one.name for one in came.files],
        "facts": {"message": raw.reference, "mailbox": box.connection},
    }
    told = came.automatic == "bounce" and sent_by(
        came.answers
    )  # a run may wait for an answer to what it is about
    return News(_key(raw), event, raw.place, "" if told else SKIPPED.get(came.automatic, ""))


def _key(raw: Raw) -> str:
    """By what it holds: the same message has another number where a folder is numbered anew."""
    return f"mail {hashlib.sha256(raw.data).hexdigest()}"
