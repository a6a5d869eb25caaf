"""What people want, in the browser: taught by examples, tried on a sentence, inferred of messages, and corrected."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.app import App
from remit.console.meaning import Meaning
from remit.console.pages.people import given_in
from remit.console.show import here, needs, page
from remit.errors import RemitError, UserError
from remit.graph.behaviours import behaviours_of
from remit.graph.intent import NONE, Example, Inferred
from remit.graph.intents import (
    Embedder,
    classifier,
    correct,
    doubtful,
    examples_of,
    forget,
    infer_all,
    intent_of,
    list_intents,
    teach,
    unteach,
)
from remit.graph.readers import reader_of, remove_reader, retry, set_reader, stands
from remit.graph.reading import infer_by
from remit.graph.segment import Segment, Wants
from remit.graph.segments import shown_of
from remit.models.model import Model

router = APIRouter(dependencies=[needs("persons:read")])
CHANGES = [needs("persons:write")]
NOTHING = "none"  # how NONE is written in addresses and forms
SOME = 12  # messages of which it is least sure; people who want it
LONGEST = 6.0  # seconds in which messages are looked at while somebody waits
LATELY = 90  # days
ON_ITS_WAY = "The model that reads meaning is being fetched, once: try it again in a minute."


@router.get("/people/intents")
async def intents(request: Request, seen: str = "") -> HTMLResponse:
    """All of them, written and done, and what only people can say."""
    told = f"{int(seen):,} messages were looked at." if seen.isascii() and seen.isdigit() else ""
    return await _page(request, told=told)


@router.post("/people/intents", dependencies=CHANGES)
async def taught(request: Request) -> Response:
    """Examples of an intent, one a line."""
    given = await given_in(request)
    name, texts = given.get("intent", ""), given.get("texts", "")
    examples = [Example(one, _named(name)) for one in texts.splitlines() if one.strip()]
    try:
        if not examples:
            raise UserError("write what somebody says who wants it, one a line")
        await teach(here(request).store, examples, request.state.who)
    except UserError as error:
        field = "texts" if not examples else "intent"
        return await _page(request, {field: str(error)}, given)
    return RedirectResponse(f"/people/intents/taught/{quote(name)}", 303)


@router.post("/people/intents/try", dependencies=CHANGES)
async def tried(request: Request) -> HTMLResponse:
    """What a sentence would be taken for."""
    given = await given_in(request)
    text = given.get("text", "")
    if not text:
        return await _page(request, {"text": "write a sentence"}, given)
    try:
        found = await _taken_for(request, text)
    except RemitError as error:
        return await _page(request, {"text": str(error)}, given)
    return await _page(request, typed=given, found=found)


async def _taken_for(request: Request, text: str) -> Inferred:
    """As messages are: by the model that reads them, where there is one. Raises RemitError."""
    app = here(request)
    if (reader := await reader_of(app.store)) is not None:
        model = await _opened(app, reader.model)
        if model is None:
            raise UserError(ON_ITS_WAY)
        return (await infer_by(app.store, model, reader.model, text))[0]
    embedder = await _embedder(request)
    if embedder is None:
        raise UserError(ON_ITS_WAY)
    (found,) = await intent_of(await classifier(app.store, embedder), embedder, [text])
    return found


async def _opened(app: App, name: str) -> Model | None:
    """None while its weights are being fetched, for which a page does not wait. Raises as `App.model` does."""
    if name.strip().startswith("local") and await app.arriving(name) is not None:
        return None
    return await app.model(name)


@router.post("/people/intents/reader", dependencies=CHANGES)
async def read_by(request: Request) -> Response:
    """By which model messages are read from now on, and how many a day; none, where that is wanted."""
    app, given = here(request), await given_in(request)
    try:
        if given.get("do") == "off":
            await remove_reader(app.store, request.state.who)
        else:
            daily = given.get("daily", "").replace(",", "")
            if not (daily.isascii() and daily.isdigit() and len(daily) < 8):
                return await _page(request, {"daily": "a number of messages: 500"}, given)
            model = given.get("model", "")
            await app.arriving(
                model
            )  # it says what keeps it from being used; nobody waits for its weights here
            await set_reader(app.store, model, int(daily), request.state.who)
    except RemitError as error:
        return await _page(request, {"model": str(error)}, given)
    return RedirectResponse("/people/intents#reader", 303)


@router.post("/people/intents/reader/retry", dependencies=CHANGES)
async def read_again(request: Request) -> Response:
    """What could not be read is tried again."""
    await retry(here(request).store, request.state.who)
    return RedirectResponse("/people/intents#reader", 303)


@router.post("/people/intents/infer", dependencies=CHANGES)
async def inferred(request: Request) -> Response:
    """Look at messages that nobody has looked at, for as long as somebody waits; what was inferred stays."""
    store, done, began = here(request).store, 0, time.monotonic()
    try:
        embedder = await _embedder(request)
        if embedder is None:
            return await _page(request, {"infer": ON_ITS_WAY})
        by = await classifier(store, embedder)
        async for looked in infer_all(store, embedder, by):
            done = looked
            if time.monotonic() - began > LONGEST:
                break
    except RemitError as error:
        return await _page(request, {"infer": str(error)})
    return RedirectResponse(f"/people/intents?seen={done}", 303)


@router.post("/people/intents/messages/{number}", dependencies=CHANGES)
async def corrected(request: Request, number: int) -> Response:
    """What a message wanted: it counts, and is an example from then on."""
    given = await given_in(request)
    await correct(here(request).store, number, _named(given.get("intent", "")), request.state.who)
    return RedirectResponse("/people/intents#doubtful", 303)


@router.get("/people/intents/taught/{name}")
async def one(request: Request, name: str) -> HTMLResponse:
    """An intent with its examples, and who wanted it lately."""
    store, intent = here(request).store, _named(name)
    kept = await examples_of(store, intent)
    people = []
    if intent:
        wants = Segment(conditions=(Wants(intent=intent, days=LATELY),))
        people = await shown_of(store, wants, limit=SOME + 1)
    return page(
        request,
        "intent.html",
        name=name,
        intent=intent,
        examples=kept,
        people=people[:SOME],
        more=len(people) > SOME,
        lately=LATELY,
    )


@router.post("/people/intents/taught/{name}/forget", dependencies=CHANGES)
async def forgotten(request: Request, name: str) -> Response:
    await forget(here(request).store, _named(name), request.state.who)
    return RedirectResponse("/people/intents", 303)


@router.post("/people/intents/taught/{name}/examples/{number}/remove", dependencies=CHANGES)
async def untaught(request: Request, name: str, number: int) -> Response:
    store, intent = here(request).store, _named(name)
    await unteach(store, intent, number, request.state.who)
    left = {one.name for one in await list_intents(store)}
    return RedirectResponse(f"/people/intents{f'/taught/{quote(name)}' if intent in left else ''}", 303)


async def _page(
    request: Request,
    wrong: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
    *,
    found: Any = None,
    told: str = "",
) -> HTMLResponse:
    store = here(request).store
    known = await list_intents(store)
    return page(
        request,
        "intents.html",
        422 if wrong else 200,
        intents=known,
        names=sorted({one.name for one in known} - {NONE}),
        behaviours=await behaviours_of(store),
        doubtful=await doubtful(store, SOME),
        reading=await stands(store, SOME),
        wrong=wrong or {},
        typed=typed or {},
        found=found,
        told=told,
    )


async def _embedder(request: Request) -> Embedder | None:
    meaning: Meaning = request.app.state.meaning
    return await meaning.embedder(here(request).settings)


def _named(name: str) -> str:
    return NONE if name == NOTHING else name
