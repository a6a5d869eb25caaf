"""All that is held of somebody, as a file; and erasing them, with what goes said before, and a receipt afterwards."""

from __future__ import annotations

import json
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.console.pages.people import given_in
from remit.console.show import here, needs, page
from remit.errors import FieldError
from remit.graph.people import Person, find
from remit.privacy.erase import begin, erasure_of, erasures, foreseen, go_on
from remit.privacy.export import export_bytes
from remit.run_files import attached

router = APIRouter()
SEES = [needs("settings:read")]
ERASES = [needs("settings:write")]


@router.get("/people/erasures", dependencies=SEES)
async def listed(request: Request) -> HTMLResponse:
    """Who asked for what to be erased, and how far it is."""
    return page(request, "erasures.html", erasures=await erasures(here(request).store))


@router.get("/people/erasures/{erasure}", dependencies=SEES)
async def one(request: Request, erasure: UUID) -> HTMLResponse:
    return page(request, "erasure.html", one=await erasure_of(here(request).store, erasure))


@router.get("/people/erasures/{erasure}/receipt", dependencies=SEES)
async def receipt(request: Request, erasure: UUID) -> Response:
    """As a file, to be kept and given to who asked."""
    found = await erasure_of(here(request).store, erasure)
    text = json.dumps(found.receipt, indent=2, ensure_ascii=False)
    headers = {"Content-Disposition": attached(f"receipt-{str(erasure)[:8]}.json")}
    return Response(text, headers=headers, media_type="application/json")


@router.get("/people/{person}/export", dependencies=ERASES)
async def export(request: Request, person: str) -> Response:
    """All that is held of them. That it was given out is in the audit log."""
    found = await find(here(request).store, person)
    made = await export_bytes(here(request).store, found, request.state.who)
    headers = {"Content-Disposition": attached(f"person-{found.id}.zip")}
    return Response(made, headers=headers, media_type="application/zip")


@router.get("/people/{person}/erase", dependencies=ERASES)
async def erase(request: Request, person: str) -> HTMLResponse:
    """What would go, and what would stay."""
    return await _sure(request, await find(here(request).store, person), {}, {})


@router.post("/people/{person}/erase", dependencies=ERASES)
async def erased(request: Request, person: str) -> Response:
    app, given = here(request), await given_in(request)
    found = await find(app.store, person)
    if given.get("called") != found.called:
        wrong = {"called": "That is not what they are called: type it as it stands above."}
        return await _sure(request, found, wrong, given)
    try:
        because, never = given.get("because", ""), "never" in given
        id_ = await begin(app.store, found, request.state.who, because, never)
    except FieldError as error:
        return await _sure(request, found, {error.field: str(error)}, given)
    await go_on(app.store, id_, app.cancel)
    return RedirectResponse(f"/people/erasures/{id_}", 303)


async def _sure(
    request: Request, person: Person, wrong: dict[str, str], given: dict[str, str]
) -> HTMLResponse:
    found = await foreseen(here(request).store, person)
    status = 422 if wrong else 200
    return page(request, "erase.html", status, person=person, found=found, wrong=wrong, given=given)
