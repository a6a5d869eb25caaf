"""Readers who want no more of it: a link in what is sent, which needs no sign-in and no password, and what comes of it."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime

from remit.access.audit import record
from remit.decisions.standing import standings
from remit.graph.identifiers import Identifier
from remit.graph.ingest import take
from remit.graph.met import met
from remit.store.secrets import derived
from remit.store.store import Store

READER = "a reader"  # who is on record for it


@dataclass(frozen=True, slots=True)
class Leaving:
    """Whom a link is for, and of what they want no more. `gone`: they have said so already; `house`: what the workspace is called, empty where
    nobody has named it."""

    workspace: str
    house: str
    profile: int
    kind: str
    value: str
    channel: str
    purpose: str
    gone: bool


async def link_for(store: Store, who: Identifier, channel: str, purpose: str) -> str:
    """An address where somebody leaves; empty where REMIT_PUBLIC_URL says of none that readers can reach."""
    public = (store.settings.public_url or "").rstrip("/")
    if not public:
        return ""
    profile = (await met(store, [who]))[who.key]
    word = _word(store, profile, channel, purpose)
    query = """
        insert into leaving (digest, workspace, profile, channel, purpose) values (%s, %s, %s, %s, %s) on conflict do nothing
    """
    async with store.pool.connection() as connection:
        await connection.execute(query, (_digest(word), store.workspace, profile, channel, purpose))
    return f"{public}/u/{word}"


async def leaving_of(root: Store, word: str) -> Leaving | None:
    """Whose link it is, in whichever workspace; None: nobody's. `root`: Remit's own hands."""
    query = """
        select p.person, l.workspace, nullif(w.title, 'Default'), p.id, p.kind, p.value, l.channel, l.purpose
        from leaving l join graph_profiles p on p.id = l.profile and p.workspace = l.workspace
        join workspaces w on w.name = l.workspace where l.digest = %s
    """
    async with root.pool.connection() as connection:
        row = await (await connection.execute(query, (_digest(word),))).fetchone()
    if row is None:
        return None
    person, workspace, house, profile, kind, value, channel, purpose = row
    found = await standings(root.as_owner(workspace), [person], datetime.now(UTC))
    gone = found[person].consent.may(channel, purpose, profile).says == "no"
    return Leaving(workspace, house or "", profile, kind, value, channel, purpose, gone)


async def leave(root: Store, word: str) -> Leaving | None:
    """They want no more of it: a no of theirs, once however often it is said. None: it is nobody's link."""
    found = await leaving_of(root, word)
    if found is None or found.gone:
        return found
    now, store = datetime.now(UTC), root.within(found.workspace)
    row = {
        "id": f"{_digest(word).hex()[:24]} {now.isoformat()}", "at": now.isoformat(), "kind": "unsubscribed", "channel": found.channel,
        "identifiers": {found.kind: found.value}, "properties": {"channel": found.channel, "purpose": found.purpose},
    }  # fmt: skip
    await take(store, [(1, row)], "remit", keep=False)
    async with store.pool.connection() as connection, connection.transaction():
        told = {"channel": found.channel, "purpose": found.purpose}
        await record(connection, READER, "contact.left", str(found.profile), told)
    return await leaving_of(root, word)


def _word(store: Store, profile: int, channel: str, purpose: str) -> str:
    """The same for the same person, channel and purpose, so that words which have it are found again after a crash; nobody says it who has
    not the key of this machine."""
    told = "\0".join((store.workspace, str(profile), channel, purpose))
    mark = hmac.new(derived(store.settings, "leaving"), told.encode(), hashlib.sha256)
    return urlsafe_b64encode(mark.digest()[:24]).decode()


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode()).digest()
