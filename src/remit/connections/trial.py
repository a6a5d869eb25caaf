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
from remit.tools.http import http_get
from remit.tools.secrets import Secrets
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


async def _http(name: str, linked: Linked, secrets: Secrets | None, within: bool) -> Trial:
    origin = linked.connection.http
    allowed = (urlsplit(origin).hostname or "",) if within or literal(origin) else ()
    with tempfile.TemporaryDirectory(prefix="remit-trial-") as folder:
        context = ToolContext(
            run=uuid4(),
            call_id="trial",
            key="trial",
            root=Path(folder),
            person={},
            inputs={},
            resources={"http_allow": allowed},
            secrets=secrets,
            connections={name: linked.connection.model_dump(mode="json")},
        )
        answer: dict[str, Any] = await http_get.call(context, {"url": origin, "headers": {}})
    status = answer["status"]
    if status in DENIED:
        return Trial(False, f"it answers, and refuses what it was sent: {status}; look at its key")
    return Trial(status < 500, f"it answers: {status}")


async def _sql(name: str, linked: Linked, secrets: Secrets | None) -> Trial:
    from sqlalchemy import inspect

    from remit.tools.databases import reading

    url = secrets.expand(linked.url) if secrets else linked.url

    def look() -> int:
        with reading(name, url) as connection:
            return len(inspect(connection).get_table_names())

    count = await in_thread(look)
    return Trial(True, f"it answers; {count} tables" if count != 1 else "it answers; 1 table")
