"""People of the conversation graph: finding them, one of them with all that happened, and what only people can decide."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.console.arcs import drawn
from remit.console.show import here, needs, page
from remit.errors import UserError
from remit.graph.aside import aside_of, count_aside, drop, list_aside, mend, object_in
from remit.graph.identity import WHY
from remit.graph.merging import Said, count_questions, questions, restore, say, withdraw
from remit.graph.people import (
    Person,
    consent_of,
    find,
    keys_of,
    profile_of,
    read_of,
    search,
    timeline,
)
from remit.graph.words import because, consented, doubt, happened, stated

router = APIRouter(dependencies=[needs("persons:read")])
CHANGES = [needs("persons:write")]
LISTED = 50


@router.get("/people")
async def people(request: Request, q: str = "") -> HTMLResponse:
    """Those whose name or identifier begins so; without a question those last heard of."""
    store = here(request).store
    return page(
        request,
        "graph_people.html",
        q=q,
        people=await search(store, q[:320], LISTED),
        doubtful=await count_questions(store),
        aside=await count_aside(store),
    )


@router.get("/people/doubtful")
async def doubtful(request: Request) -> HTMLResponse:
    """Who may be one person."""
    found = await questions(here(request).store, limit=LISTED)
    asked = [(one, doubt(one.held, one.source, one.event, one.seen)) for one in found]
    return page(request, "graph_doubtful.html", asked=asked)


@router.post("/people/doubtful", dependencies=CHANGES)
async def answer(request: Request) -> Response:
    given = await _given(request)
    store, said = here(request).store, given.get("said", "")
    if said not in ("same", "apart"):
        raise UserError("say whether they are one person or two")
    a, b = [await profile_of(store, given.get(name, "")) for name in ("a", "b")]
    await say(store, a, b, cast("Said", said), request.state.who)
    return RedirectResponse("/people/doubtful", 303)


@router.get("/people/aside", dependencies=CHANGES)
async def aside(request: Request, after: int = 0) -> HTMLResponse:
    """Rows that could not be taken in."""
    found = await list_aside(here(request).store, max(0, min(after, 2**62)), LISTED + 1)
    more = found[LISTED - 1].id if len(found) > LISTED else 0
    return page(request, "graph_aside.html", rows=found[:LISTED], more=more, wrong={}, typed={})


@router.post("/people/aside/{number}", dependencies=CHANGES)
async def mended(request: Request, number: int) -> Response:
    """Taken in as it is written now, or shown with what is still wrong."""
    store, given = here(request).store, await _given(request)
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


@router.get("/people/{person}")
async def one(request: Request, person: str, before: str = "") -> HTMLResponse:
    """Who somebody is and why, how they stand with us, and what happened."""
    return await _page(request, await find(here(request).store, person), before)


@router.post("/people/{person}/links/{number}", dependencies=CHANGES)
async def link(request: Request, person: str, number: int) -> Response:
    """Let evidence count for nothing, or again."""
    store, given = here(request).store, await _given(request)
    await find(store, person)
    change = withdraw if given.get("do") == "withdraw" else restore
    await change(store, number, request.state.who)
    return RedirectResponse(f"/people/{quote(person, safe='')}#who", 303)


@router.post("/people/{person}/same", dependencies=CHANGES)
async def same(request: Request, person: str) -> Response:
    """Say that they are somebody else, too."""
    store, other = here(request).store, (await _given(request)).get("other", "")
    found = await find(store, person)
    try:
        await say(store, found.profiles[0].id, await profile_of(store, other), "same", request.state.who)
    except UserError as error:
        return await _page(request, found, "", wrong={"other": str(error)}, other=other)
    return RedirectResponse(f"/people/{quote(person, safe='')}#who", 303)


async def _page(
    request: Request, person: Person, before: str, wrong: dict[str, str] | None = None, other: str = ""
) -> HTMLResponse:
    store, now = here(request).store, datetime.now(UTC)
    own = set(person.ids)
    ends = {end for one in person.evidence for end in (one.a, one.b)}
    keys = await keys_of(store, ends | own)
    reading, consent = await read_of(store, person, now), await consent_of(store, person)
    events = await timeline(store, person, before=_time(before), limit=LISTED + 1)
    more = urlencode({"before": events[LISTED - 1].at.isoformat()}) if len(events) > LISTED else ""
    return page(
        request,
        "graph_person.html",
        422 if wrong else 200,
        person=person,
        stated=stated(reading) if reading else ["Nothing has come from them."],
        consent=consented(consent),
        dead=[keys[word.profile] for word in consent.dead],
        drawing=drawn(person, {one: keys[one] for one in sorted(ends - own)}),
        keys=keys,
        evidence=[(one, because(one), WHY[one.held]) for one in person.evidence],
        events=[(one, happened(one)) for one in events[:LISTED]],
        before=before,
        more=more,
        wrong=wrong or {},
        other=other,
    )


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


async def _given(request: Request) -> dict[str, str]:
    return {key: str(value).strip() for key, value in (await request.form()).items()}
