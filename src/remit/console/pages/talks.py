"""Conversations with people, as they go on: taken over from an agent, written in, handed back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit import talking
from remit.acting.summary import summary_of
from remit.app import App
from remit.console.pages.people import given_in
from remit.console.session import holds
from remit.console.show import ENVIRONMENT, here, needs, page
from remit.console.signing import session_of
from remit.console.stream import message, seen_by, streamed
from remit.errors import Busy, UserError
from remit.graph.people import person_of
from remit.talks.found import Line, Talk, lines_of, talk_of
from remit.talks.kept import LONGEST, NOTED, Takeover, Word, last_of, words_of
from remit.talks.listed import list_talks
from remit.talks.search import LONGEST as ASKED

router = APIRouter(dependencies=[needs("persons:read")])
WRITES = [needs("runs:write")]
EACH = 1.0  # seconds between two looks at what is new
QUIET = 15  # looks after which a line says that the connection still lives


@router.get("/people/conversations")
async def talks(request: Request, q: str = "") -> HTMLResponse:
    """Those that can be taken over, the last first; with a question those in which its words were said."""
    rows = await list_talks(here(request).store, words=q)
    return page(request, "talks.html", rows=rows, q=q, longest=ASKED)


@router.get("/people/conversations/{talk}")
async def one(request: Request, talk: str) -> HTMLResponse:
    """What was said, who they are, and whose it is now."""
    return await _page(request, talk)


@router.get("/people/conversations/{talk}/live")
async def live(request: Request, talk: str, after: int = 0) -> Response:
    """Server-sent events of what is said, and whose it is."""
    app = here(request)
    found = await talk_of(app.store, talk)
    return streamed(_told(app, session_of(request), found, seen_by(request, after), request.state.who))


@router.post("/people/conversations/{talk}/take", dependencies=WRITES)
async def take(request: Request, talk: str) -> Response:
    await talking.take_over(here(request), talk, request.state.who)
    return _back(talk)


@router.post("/people/conversations/{talk}/words", dependencies=WRITES)
async def write(request: Request, talk: str) -> Response:
    """Write to them, once for each form that was shown."""
    app, given = here(request), await given_in(request)
    text, key = given.get("text", ""), given.get("key", "")[:64]
    try:
        await talking.write(app, talking.to_workers(app), talk, request.state.who, text, key)
    except (UserError, Busy) as error:
        return await _page(request, talk, {"text": str(error)}, text)
    return _back(talk)


@router.post("/people/conversations/{talk}/back", dependencies=WRITES)
async def back(request: Request, talk: str) -> Response:
    """Hand it back to the agent, with a note where one is written."""
    app, note = here(request), (await given_in(request)).get("note", "")
    try:
        await talking.hand_back(app, talking.to_workers(app), talk, request.state.who, note)
    except UserError as error:
        return await _page(request, talk, {"note": str(error)}, note=note)
    return _back(talk)


async def _page(
    request: Request, name: str, wrong: dict[str, str] | None = None, text: str = "", note: str = ""
) -> HTMLResponse:
    store = here(request).store
    found = await talk_of(store, name)
    lines, person = await lines_of(store, found), await person_of(store, found.profile)
    return page(
        request,
        "talk.html",
        422 if wrong else 200,
        talk=found,
        person=person,
        lines=lines,
        last=lines[-1].id if lines else 0,
        summary=(await summary_of(store, person, datetime.now(UTC))).splitlines(),
        key=uuid4().hex,
        wrong=wrong or {},
        text=text,
        note=note,
        longest=LONGEST,
        noted=NOTED,
        oob=False,
        **await _stands(here(request), found),
    )


async def _stands(app: App, talk: Talk) -> dict[str, object]:
    """Whose it is now, and what of a colleague's words is not with them yet."""
    one = await last_of(app.store, talk.name)
    words = await words_of(app.store, one.id) if one else []
    return {"over": one, "held": one is not None and _holds(one), "unsent": _unsent(words)}


def _holds(one: Takeover) -> bool:
    return one.ended_at is None and one.until > datetime.now(UTC)


def _unsent(words: list[Word]) -> list[Word]:
    return [word for word in words if not word.sent]


async def _told(app: App, token: str, talk: Talk, after: int, who: str) -> AsyncGenerator[str]:
    yield "retry: 1000\n\n"
    before, look = "", 0
    while await holds(app.store, token):
        lines = await lines_of(app.store, talk, after)
        after = lines[-1].id if lines else after
        stands = _drawn(await _stands(app, talk), who)
        if lines or stands != before:
            yield message(_markup(lines) + (stands if stands != before else ""), after if lines else 0)
            before = stands
        elif (look := look + 1) % QUIET == 0:
            yield ": still here\n\n"
        await asyncio.sleep(EACH)


def _markup(lines: list[Line]) -> str:
    return ENVIRONMENT.get_template("talk_lines.html").render(lines=lines)


def _drawn(stands: dict[str, object], who: str) -> str:
    return ENVIRONMENT.get_template("talk_stands.html").render(who=who, oob=True, **stands)


def _back(talk: str) -> Response:
    return RedirectResponse(f"/people/conversations/{quote(talk, safe=':')}", 303)
