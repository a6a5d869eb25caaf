"""Where readers say what they want: /u/WORD. Looking changes nothing, as scanners of mail follow every link; a button does, and so does the one click
of a mail program (RFC 8058). No sign-in: the word is the proof."""

from __future__ import annotations

import html

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from psycopg import OperationalError

from remit.access.tries import try_word
from remit.api.leave_words import DE, EN, Words
from remit.api.problems import away, fault, told
from remit.app import App
from remit.decisions.leaving import leave
from remit.decisions.tracked import PURPOSE as TRACKING
from remit.decisions.wishes import Way, Wishes, wish, wishes_of
from remit.errors import Busy, RemitError

LONGEST = 100  # characters of a word
PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><meta name="referrer" content="no-referrer"><title>{title}</title><link rel="stylesheet" href="/static/remit.css"></head>
<body><main><section class="door card">{house}<h1>{title}</h1>{body}</section></main></body></html>
"""


def make_leave(app: App) -> FastAPI:
    """The addresses of links to leave by, to be mounted at /u."""
    made = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)

    @made.get("/{word}")
    async def look(request: Request, word: str) -> HTMLResponse:
        found = await wishes_of(app.root.store, word) if len(word) <= LONGEST else None
        return await _answer(app, request, found)

    @made.post("/{word}")
    async def press(request: Request, word: str) -> HTMLResponse:
        if len(word) > LONGEST:
            return await nowhere(app, request)
        said = {key: str(value) for key, value in (await request.form()).items()}
        match said.get("do"):
            case "wish":
                found = await wish(app.root.store, word, said)
            case "all":
                before = await wishes_of(app.root.store, word)
                ways = before.ways if before else ()
                found = await wish(
                    app.root.store, word, {one.name: "no" for one in ways if one.purpose != "service"}
                )
            case _:
                left = await leave(app.root.store, word)
                found = await wishes_of(app.root.store, word) if left else None
        return await _answer(app, request, found, said.get("do") == "wish")

    for kind, handler in ((RemitError, told), (OperationalError, away), (Exception, fault)):
        made.add_exception_handler(kind, handler)
    return made


async def _answer(app: App, request: Request, found: Wishes | None, kept: bool = False) -> HTMLResponse:
    if found is None:
        return await nowhere(app, request)
    words, of = words_of(request), found.of
    what = f"{html.escape(words.purpose(of.purpose))} {html.escape(words.channel(of.channel))}"
    to = f"<b>{html.escape(masked(of.value))}</b>"
    said = f'<p class="told good" role="status">{words.kept}</p>' if kept else ""
    if of.gone:
        first = f"<p>{words.gone.format(what=what, to=to)}</p>"
    else:
        first = f'<p>{words.more.format(what=what, to=to)}</p><form class="fields" method="post"><button class="first" name="leave" value="yes">{words.leave}</button></form>'
    title = words.left if of.gone else words.title if kept else words.ask
    return page(title, said + first + _form(words, found), lang=words.lang, house=of.house)


def _form(words: Words, found: Wishes) -> str:
    rows = "".join(_way(words, one) for one in found.ways)
    return (
        f'<h2>{words.choose}</h2><form class="fields" method="post">{rows}'
        f'<p class="deeds"><button class="first" name="do" value="wish">{words.keep}</button> '
        f'<button name="do" value="all">{words.all}</button></p></form>'
    )


def _way(words: Words, one: Way) -> str:
    about = (
        words.purpose(one.purpose)
        if one.purpose == TRACKING
        else f"{words.purpose(one.purpose)} {words.channel(one.channel)}"
    )
    legend = html.escape(about[:1].upper() + about[1:])
    choices = "".join(
        f'<label class="tick"><input type="radio" name="{html.escape(one.name)}" value="{choice}"{" checked" if choice == one.wish else ""}> '
        f"{words.choice(one.purpose, choice)}</label>"
        for choice in one.choices
    )
    return f"<fieldset><legend>{legend} ({html.escape(masked(one.value))})</legend>{choices}</fieldset>"


def words_of(request: Request) -> Words:
    """In the reader's own language, where it is one of these."""
    for one in request.headers.get("accept-language", "")[:200].lower().split(","):
        if one.strip().startswith(("de", "en")):
            return DE if one.strip().startswith("de") else EN
    return EN


async def nowhere(app: App, request: Request) -> HTMLResponse:
    """What somebody sees who comes with a link that is none; they may not guess for ever."""
    words = words_of(request)
    try:
        await try_word(app.root.store, request.client.host if request.client else "")
    except Busy as error:
        return page(words.not_now, f"<p>{words.too_many}</p>", 429, error.retry_after, words.lang)
    return page(words.nothing, f"<p>{words.cut_off}</p>", 404, lang=words.lang)


def page(
    title: str, body: str, status: int = 200, wait: float = 0.0, lang: str = "en", house: str = ""
) -> HTMLResponse:
    """`house`: who writes to them, where the workspace has a name of its own."""
    headers = {"Retry-After": str(int(wait) + 1)} if wait else {}
    headers |= {"Cache-Control": "no-store", "Vary": "Accept-Language"}
    by = f'<p class="mark">{html.escape(house)}</p>' if house else ""
    return HTMLResponse(PAGE.format(title=title, body=body, lang=lang, house=by), status, headers)


def masked(value: str) -> str:
    """Enough for whoever has the address to know it by, and not to whom a link was passed on."""
    name, at, host = value.partition("@")
    return f"{name[:2]}…{at}{host}" if at else f"…{value[-3:]}"
