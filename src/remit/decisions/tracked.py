"""Mail that says whether it was opened and what was followed in it: links that lead on through here, a picture of one point, and what of all that
is its reader's doing.

A link is signed with the address that it leads to, so that it leads nowhere else, and goes on leading there when nothing is known any more of the mail.
Programs follow links too, before anybody has read them: what came as one of them is not counted.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from remit.channels.tracked import Tracked
from remit.channels.tracked import signature as sealed
from remit.decisions.standing import rules_of, standings
from remit.graph.identifiers import Identifier
from remit.graph.ingest import take
from remit.graph.met import met
from remit.store.secrets import derived
from remit.store.store import Store

Json = Any
PURPOSE = "tracking"  # of consent: a no to it is a no to links that tell
SCANNED = 10.0  # seconds after it went in which no reader has opened it yet, and around a program at work in which none counts
TOGETHER = 3.0  # seconds in which nobody follows two links
WAITED = 15.0  # seconds until it is clear that nothing else was followed at once
KEPT_DAYS = 400  # for which it is known whose mail it was
ROBOTS = (
    "bot",
    "crawl",
    "spider",
    "scan",
    "preview",
    "curl/",
    "python",
    "wget",
    "headless",
    "safelinks",
    "barracuda",
    "proofpoint",
    "mimecast",
)
SOON = "as soon as it had gone"
SCANNER = f"^({SOON}|a robot: |[A-Z]+ only asks)"  # of those that look at all links of a mail, and may come as a browser as well
DUE = """
    select h.id, t.workspace, t.digest, t.message, p.kind, p.value, h.url, h.at, case
        when h.machine <> '' then h.machine
        when exists (select from tracked_hits o where o.tracked = h.tracked and h.url <> '' and o.url not in ('', h.url)
            and abs(extract(epoch from o.at - h.at)) < %(together)s) then 'another link was followed at once'
        when exists (select from tracked_hits o where o.tracked = h.tracked and o.url <> '' and o.machine ~ %(scanner)s
            and abs(extract(epoch from o.at - h.at)) < %(scanned)s) then 'a program was looking at its links'
        else '' end
    from tracked_hits h join tracked t on t.id = h.tracked join graph_profiles p on p.id = t.profile
    where not h.told and h.at < clock_timestamp() - make_interval(secs => %(waited)s) order by h.id limit 1000
"""


async def track(
    store: Store,
    who: Identifier,
    run: UUID,
    call: str,
    message: str,
    wanted: Mapping[str, bool],
    now: datetime,
) -> Tracked | None:
    """For one mail, the same however often it is made. None where its reader has refused, or nobody can reach this server."""
    public = (store.settings.public_url or "").rstrip("/")
    if not public:
        return None
    profile = (await met(store, [who]))[who.key]
    async with store.pool.connection() as connection:
        query = "select person from graph_profiles where id = %s"
        row = await (await connection.execute(query, (profile,))).fetchone()
    assert row is not None
    standing = (await standings(store, [row[0]], now))[row[0]]
    says = standing.consent.may(who.kind, PURPOSE, profile).says
    if says == "no" or ((await rules_of(store)).consent.get(PURPOSE) == "yes" and says != "yes"):
        return None
    key = derived(store.settings, "tracked")
    told = f"{store.workspace}\0{run}\0{call}\0{profile}"
    word = urlsafe_b64encode(hmac.new(key, told.encode(), hashlib.sha256).digest()[:24]).decode()
    query = "insert into tracked (digest, workspace, profile, message) values (%s, %s, %s, %s) on conflict do nothing"
    async with store.pool.connection() as connection:
        await connection.execute(query, (_digest(word), store.workspace, profile, message))
    return Tracked(public, word, key, wanted.get("clicks", False), wanted.get("opens", False))


def leads(root: Store, word: str, signature: str, url: str) -> bool:
    """Whether a mail of ours had this link: only then anybody is led there."""
    whole = url.startswith(("https://", "http://")) and url.isprintable()
    key = derived(root.settings, "tracked")
    return whole and hmac.compare_digest(sealed(key, word, url).encode(), signature.encode())


async def hit(root: Store, word: str, url: str, machine: str) -> None:
    """It was opened (""), or a link followed. `machine`: why that was nobody's doing, as far as can be told from the request alone."""
    query = """
        insert into tracked_hits (workspace, tracked, url, machine)
        select workspace, id, %(url)s, case when %(machine)s = '' and at > clock_timestamp() - make_interval(secs => %(scanned)s)
            then %(soon)s else %(machine)s end
        from tracked t where digest = %(digest)s and (select count(*) from tracked_hits h where h.tracked = t.id) < 1000
    """
    values = {
        "url": url[:2000], "machine": machine, "scanned": SCANNED, "soon": SOON, "digest": _digest(word)
    }  # fmt: skip
    async with root.pool.connection() as connection:
        await connection.execute(query, values)


def machine_of(method: str, headers: Mapping[str, str]) -> str:
    """Why a request comes from a program that nobody looks at; empty: nothing says so."""
    agent = headers.get("user-agent", "").strip()
    if method != "GET":
        return f"{method} only asks what is there"
    if (
        "prefetch"
        in f"{headers.get('purpose', '')} {headers.get('sec-purpose', '')} {headers.get('x-moz', '')}"
    ):
        return "it was fetched in advance"
    if not agent or agent == "Mozilla/5.0":
        return "Apple's Mail Privacy Protection, or a program that does not say what it is"
    if any(one in agent.lower() for one in ROBOTS):
        return f"a robot: {agent[:100]}"
    return ""


async def tell(root: Store) -> int:
    """Have the graph told of what readers did, each message and link once whoever dies meanwhile; of how many. For the owner of the tables."""
    async with root.pool.connection() as connection:
        values = {"together": TOGETHER, "scanned": SCANNED, "scanner": SCANNER, "waited": WAITED}
        rows = await (await connection.execute(DUE, values)).fetchall()
    of: dict[str, list[dict[str, Json]]] = {}
    for _, workspace, *about, machine in rows:
        if not machine:
            of.setdefault(workspace, []).append(_row(*about))
    for workspace, told in of.items():
        await take(root.as_owner(workspace), list(enumerate(told, 1)), "remit", keep=False)
    async with root.pool.connection() as connection:
        query = """
            update tracked_hits h set told = true, machine = of.machine from unnest(%s::bigint[], %s::text[]) as of (id, machine) where h.id = of.id
        """
        await connection.execute(query, ([row[0] for row in rows], [row[-1] for row in rows]))
        query = "delete from tracked where at < clock_timestamp() - make_interval(days => %s)"
        await connection.execute(query, (KEPT_DAYS,))
    return sum(map(len, of.values()))


def _row(digest: bytes, message: str, kind: str, value: str, url: str, at: datetime) -> dict[str, Json]:
    mark = hashlib.sha256(url.encode()).hexdigest()[:12]
    return {
        "id": f"{'click' if url else 'open'} {digest.hex()[:24]} {mark}",
        "at": at.astimezone(UTC).isoformat(),
        "kind": "click" if url else "open",
        "channel": "email",
        "identifiers": {kind: value},
        "conversation": message[:300],
        "properties": {"message": message} | ({"url": url} if url else {}),
    }


def _digest(word: str) -> bytes:
    return hashlib.sha256(word.encode()).digest()
