"""People of the conversation graph: finding them, and what only people can decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.console.show import here, needs, page
from remit.errors import UserError
from remit.graph.accounts.look import search_accounts
from remit.graph.aside import aside_of, count_aside, drop, list_aside, mend, object_in
from remit.graph.merging import Compared, Question, Said, compared, count_questions, questions, say
from remit.graph.people import profile_of, search
from remit.graph.words import doubt
from remit.store.store import Store

router = APIRouter(dependencies=[needs("persons:read")])
CHANGES = [needs("persons:write")]
LISTED = 50
FEW = 10  # accounts beside people


@dataclass(frozen=True, slots=True)
class Pairing:
    asked: Question
    why: str
    beside: Sequence[Compared]


@router.get("/people")
async def people(request: Request, q: str = "") -> HTMLResponse:
    """Those whose name or identifier begins so, and accounts of which it is so; without a question those last heard of."""
    store = here(request).store
    return page(
        request,
        "graph_people.html",
        q=q,
        people=await search(store, q[:320], LISTED),
        accounts=await search_accounts(store, q[:320], FEW) if q.strip() else [],
        doubtful=await count_questions(store),
        aside=await count_aside(store),
    )


@router.get("/people/doubtful")
async def doubtful(request: Request, said: bool = False) -> HTMLResponse:
    """Who may be one person; `said`: somebody goes on from the one before."""
    asked = await pairs_of(here(request).store, LISTED)
    return page(request, "graph_doubtful.html", asked=asked, said=said)


async def pairs_of(store: Store, limit: int) -> list[Pairing]:
    """Who may be one person, with why in words."""
    asked = await questions(store, limit=limit)
    sides = await compared(store, asked) if asked else []
    return [Pairing(one, doubt(one), beside) for one, beside in zip(asked, sides, strict=True)]


@router.post("/people/doubtful", dependencies=CHANGES)
async def answer(request: Request) -> Response:
    given = await given_in(request)
    store, said = here(request).store, given.get("said", "")
    if said not in ("same", "apart"):
        raise UserError("say whether they are one person or two")
    a, b = [await profile_of(store, given.get(name, "")) for name in ("a", "b")]
    await say(store, a, b, cast("Said", said), request.state.who)
    return RedirectResponse(
        "/inbox#pairs" if given.get("back") == "inbox" else "/people/doubtful?said=1", 303
    )


@router.get("/people/aside", dependencies=CHANGES)
async def aside(request: Request, after: int = 0) -> HTMLResponse:
    """Rows that could not be taken in."""
    found = await list_aside(here(request).store, max(0, min(after, 2**62)), LISTED + 1)
    more = found[LISTED - 1].id if len(found) > LISTED else 0
    return page(request, "graph_aside.html", rows=found[:LISTED], more=more, wrong={}, typed={})


@router.post("/people/aside/{number}", dependencies=CHANGES)
async def mended(request: Request, number: int) -> Response:
    """Taken in as it is written now, or shown with what is still wrong."""
    store, given = here(request).store, await given_in(request)
    if given.get("do") == "drop":
        await drop(store, number, request.state.who)
        return RedirectResponse("/people/aside", 303)
    row, text = await aside_of(store, number), given.get("row", "")
    try:
        await mend(store, number, object_in(text), request.state.who)
    except UserError as error:
        wrong, typed = {str(number): str(error)}, {number: text}
        return page(request, "graph_aside.html", 422, rows=[row], more=0, wrong=wrong, typed=typed)
    return RedirectResponse("/people/aside", 303)


async def given_in(request: Request) -> dict[str, str]:
    return {key: str(value).strip() for key, value in (await request.form()).items()}
