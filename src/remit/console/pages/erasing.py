"""All that is held of somebody, as a file; and erasing them, with what goes said before, and a receipt afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.age import write_age
from remit.console.pages.people import given_in
from remit.console.show import here, needs, page
from remit.errors import FieldError, UserError
from remit.graph.people import Person, find
from remit.graph.rows import KINDS
from remit.privacy.erase import begin, erasure_of, erasures, foreseen, go_on
from remit.privacy.export import export_bytes
from remit.privacy.holds import list_holds, remove_hold, set_hold
from remit.run_files import attached

router = APIRouter()
SEES = [needs("settings:read")]
ERASES = [needs("settings:write")]


@router.get("/people/erasures", dependencies=SEES)
async def listed(request: Request) -> HTMLResponse:
    """Who asked for what to be erased, and how far it is."""
    return await _listed(request)


@router.post("/people/holds", dependencies=ERASES)
async def held(request: Request) -> Response:
    """What must stay, for how long and why, whoever is erased."""
    given = await given_in(request)
    kinds = [one.strip() for one in given.get("kinds", "").split(",") if one.strip()]
    try:
        await set_hold(
            here(request).store,
            given.get("name", ""),
            kinds,
            given.get("lasts", ""),
            given.get("because", ""),
            request.state.who,
        )
    except FieldError as error:
        return await _listed(request, {error.field: str(error).removeprefix(f"{error.field}: ")}, given)
    except UserError as error:
        return await _listed(request, {"lasts": str(error)}, given)
    return RedirectResponse("/people/erasures#holds", 303)


@router.post("/people/holds/{name}/remove", dependencies=ERASES)
async def let_go(request: Request, name: str) -> Response:
    await remove_hold(here(request).store, name, request.state.who)
    return RedirectResponse("/people/erasures#holds", 303)


async def _listed(
    request: Request, wrong: Mapping[str, str] | None = None, typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    store = here(request).store
    return page(
        request,
        "erasures.html",
        422 if wrong else 200,
        erasures=await erasures(store),
        holds=[(one, write_age(one.lasts)) for one in await list_holds(store)],
        kinds=KINDS,
        wrong=wrong or {},
        typed=typed or {},
    )


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
