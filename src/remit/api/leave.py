"""Where readers leave: /u/WORD. Looking changes nothing, as scanners of mail follow every link; the button does, and so does the one click
of a mail program (RFC 8058). No sign-in: the word is the proof."""

from __future__ import annotations

import html

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from psycopg import OperationalError

from remit.access.tries import try_word
from remit.api.problems import away, fault, told
from remit.app import App
from remit.decisions.leaving import Leaving, leave, leaving_of
from remit.errors import Busy, RemitError

LONGEST = 100  # characters of a word
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>{title}</title><link rel="stylesheet" href="/static/remit.css"></head>
<body><main><section class="door card"><h1>{title}</h1>{body}</section></main></body></html>
"""
BUTTON = '<form class="fields" method="post"><button class="first" name="leave" value="yes">Unsubscribe</button></form>'


def make_leave(app: App) -> FastAPI:
    """The addresses of links to leave by, to be mounted at /u."""
    made = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    @made.get("/{word}")
    async def look(request: Request, word: str) -> HTMLResponse:
        found = await leaving_of(app.root.store, word) if len(word) <= LONGEST else None
        return await _answer(app, request, found)

    @made.post("/{word}")
    async def press(request: Request, word: str) -> HTMLResponse:
        found = await leave(app.root.store, word) if len(word) <= LONGEST else None
        return await _answer(app, request, found)

    for kind, handler in ((RemitError, told), (OperationalError, away), (Exception, fault)):
        made.add_exception_handler(kind, handler)
    return made


async def _answer(app: App, request: Request, found: Leaving | None) -> HTMLResponse:
    if found is None:
        return await nowhere(app, request)
    what = f"{html.escape(found.purpose)} by {html.escape(found.channel)} to <b>{html.escape(masked(found.value))}</b>"
    if found.gone:
        return _page("Unsubscribed", f"<p>There will be no more {what}.</p>")
    return _page("Unsubscribe?", f"<p>No more {what}.</p>{BUTTON}")


async def nowhere(app: App, request: Request) -> HTMLResponse:
    """What somebody sees who comes with a link that is none; they may not guess for ever."""
    try:
        await try_word(app.root.store, request.client.host if request.client else "")
    except Busy as error:
        return _page("Not now", "<p>Too many links that are none came from here.</p>", 429, error.retry_after)
    return _page(
        "Nothing here", "<p>This link was cut off or changed. Copy all of it from the message.</p>", 404
    )


def _page(title: str, body: str, status: int = 200, wait: float = 0.0) -> HTMLResponse:
    headers = {"Retry-After": str(int(wait) + 1)} if wait else {}
    return HTMLResponse(PAGE.format(title=title, body=body), status, headers)


def masked(value: str) -> str:
    """Enough for whoever has the address to know it by, and not to whom a link was passed on."""
    name, at, host = value.partition("@")
    return f"{name[:2]}…{at}{host}" if at else f"…{value[-3:]}"
