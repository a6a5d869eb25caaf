"""Trying a connection: whether the system answers, to whom it speaks, and which tools an MCP server offers."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from remit.agents.lock import Lock
from remit.agents.spec import Agent
from remit.app import App
from remit.connections.kept import Linked, literal, note_trial
from remit.connections.pinning import Seen, look_at
from remit.errors import Mend, UserError
from remit.secrets import open_secrets
from remit.tools import sms
from remit.tools.http import http_get
from remit.tools.mail import look, mailbox_of, reading, sign_in
from remit.tools.secrets import Secrets
from remit.tools.slack import call
from remit.tools.thread import in_thread
from remit.tools.tool import ToolContext

DENIED = (401, 403, 407)


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. `seen`: of an MCP server, what it offers beside what is pinned of it."""

    works: bool
    words: str
    seen: Seen | None = None


async def try_out(app: App, name: str, linked: Linked, within: bool = True) -> Trial:
    """Reach the system as a run would, read nothing but that it is there, and note what came of it. `within`: a name may lead
    into the server's own network."""
    alone = Agent(
        name="trial",
        connections={name: linked.connection},
        resources={name: linked.url} if linked.url else {},
    )
    secrets = await open_secrets(alone, {}, app.store)
    try:
        match linked.kind:
            case "mcp" | "openapi":
                trial = await _offering(app, name, linked, secrets, within)
            case "http":
                trial = await _http(name, linked, secrets, within)
            case "sql":
                trial = await _sql(name, linked, secrets)
            case "mail":
                trial = await _mail(_context(name, linked, secrets, within))
            case "twilio":
                trial = await _twilio(_context(name, linked, secrets, within))
            case "slack":
                trial = await _slack(_context(name, linked, secrets, within))
    except (UserError, Mend, OSError) as error:
        words = " ".join(str(error).split())
        trial = Trial(False, secrets.hide(words) if secrets else words)
    await note_trial(app.store, name, trial.works, trial.words)
    return trial


async def _offering(app: App, name: str, linked: Linked, secrets: Secrets | None, within: bool) -> Trial:
    one = linked.connection
    pinned = Lock(server=one.server, tools=one.pinned)
    host = urlsplit(linked.where).hostname or ""
    seen = await look_at(name, one, pinned, app.sessions, secrets, (host,) if within and one.openapi else ())
    words = f"{seen.now.server}, with {len(seen.now.tools)} tools"
    if seen.differs:
        words += "; others than are pinned" if one.pinned else "; none is pinned yet"
    return Trial(True, words, seen)


def _context(
    name: str, linked: Linked, secrets: Secrets | None, within: bool, root: Path = Path()
) -> ToolContext:
    """What tools are given to reach it as a run would."""
    hosts = {urlsplit(url).hostname or "" for url in linked.servers if within or literal(url)}
    return ToolContext(
        run=uuid4(),
        call_id="trial",
        key="trial",
        root=root,
        person={},
        inputs={},
        resources={"http_allow": tuple(hosts)},
        secrets=secrets,
        connections={name: linked.connection.model_dump(mode="json")},
    )


async def _http(name: str, linked: Linked, secrets: Secrets | None, within: bool) -> Trial:
    with tempfile.TemporaryDirectory(prefix="remit-trial-") as folder:
        context = _context(name, linked, secrets, within, Path(folder))
        answer: dict[str, Any] = await http_get.call(context, {"url": linked.connection.http, "headers": {}})
    status = answer["status"]
    if status in DENIED:
        return Trial(False, f"it answers, and refuses what it was sent: {status}; look at its key")
    return Trial(status < 500, f"it answers: {status}")


async def _mail(context: ToolContext) -> Trial:
    """Log in, and send nothing."""
    mailbox, said = mailbox_of(context, "")[1], []
    if mailbox.smtp:
        await sign_in(context, mailbox)
        said.append("SMTP lets us in")
    if mailbox.imap:
        place, folder = await reading(context, mailbox, look)
        said.append(f"IMAP lets us in, {place.last:,} messages have come so far")
        said.append(f"sent mail lies in {folder!r}" if folder else "there is no folder of sent mail")
    if not mailbox.trusts:
        said.append("no host is trusted to say who a sender is, so nobody is verified")
    return Trial(True, "; ".join(said))


async def _twilio(context: ToolContext) -> Trial:
    """Who the account is, and send nothing."""
    line = sms.line_of(context, "")
    said = await sms.call(context, line, "GET", "", {})
    if said.get("status") != "active":
        return Trial(False, f"the account is {said.get('status', 'not active')}")
    words = f"it answers as {said.get('friendly_name', 'somebody')}"
    if not line.callback:
        words += "; nobody tells us what arrived: say its callback, the address where it tells this server"
    return Trial(True, words)


async def _slack(context: ToolContext) -> Trial:
    said = await call(context, "", "auth.test", {})
    return Trial(True, f"it answers as {said.get('user', 'somebody')} of {said.get('team', 'a team')}")


async def _sql(name: str, linked: Linked, secrets: Secrets | None) -> Trial:
    from sqlalchemy import inspect

    from remit.tools.databases import reading

    url = secrets.expand(linked.url) if secrets else linked.url

    def look() -> int:
        with reading(name, url) as connection:
            return len(inspect(connection).get_table_names())

    count = await in_thread(look)
    return Trial(True, f"it answers; {count} tables" if count != 1 else "it answers; 1 table")
