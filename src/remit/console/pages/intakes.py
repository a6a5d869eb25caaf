"""Other systems of which the graph hears, in the browser: webhooks with their secret and what was delivered, databases with how far they were read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.app import App
from remit.connections.kept import list_connections
from remit.console.intaking import (
    PLAIN,
    SHEET,
    Draft,
    drawn,
    events_in,
    first_of,
    given,
    guessed,
    places_of,
    tried,
)
from remit.console.sheets import filled
from remit.console.show import here, needs, page, require_sure
from remit.errors import RemitError, UserError
from remit.graph.rows import Interaction, Wrong
from remit.intake import kept
from remit.intake.columns import FIELDS
from remit.intake.kept import Kept
from remit.intake.sync import call_for, peek, tables_of

router = APIRouter(dependencies=[needs("connections:write"), needs("persons:write")])
Json = Any
NAMES = ("new", "files")  # what addresses below mean otherwise


@router.get("/people/sources/new")
async def new(request: Request, kind: str = "webhook") -> HTMLResponse:
    kind = "database" if kind == "database" else "webhook"
    said = dict.fromkeys(PLAIN, "") | (
        {"webhook": "standard"} if kind == "webhook" else {"every": "300", "zone": "UTC"}
    )
    return await _form(request, Draft(kind, said, "", filled({}, SHEET)), "")


@router.get("/people/sources/{name}")
async def one(request: Request, name: str) -> HTMLResponse:
    return await _one(request, await kept.get_intake(here(request).store, name))


@router.get("/people/sources/{name}/edit")
async def edit(request: Request, name: str) -> HTMLResponse:
    return await _form(request, drawn((await kept.get_intake(here(request).store, name)).intake), name)


@router.post("/people/sources")
async def change(request: Request) -> Response:
    """Drawn from an example, tried on it, or kept in place of the one of that name."""
    form = {key: str(value) for key, value in (await request.form()).items()}
    do, kind = form.get("do", "check"), "database" if form.get("kind") == "database" else "webhook"
    if do == "table" and form.get("table"):
        form["query"] = f"select * from {form['table']}"
    draft, before = given(kind, form), form.get("before", "")
    if do == "save" and (intake := draft.intake) and not draft.wrong:
        if intake.name in NAMES:
            wrong = {"name": f"another one: {' and '.join(NAMES)} mean something else here"}
            draft = Draft(draft.kind, draft.said, draft.verified, draft.rows, draft.sample, wrong)
            return await _form(request, draft, before, 422)
        made = await kept.put(here(request).store, intake, request.state.who)
        return RedirectResponse(f"/people/sources/{made.name}", 303)
    status = 422 if draft.wrong and do in ("save", "check") else 200
    return await _form(request, draft, before, status, draw=do in ("draw", "table"))


@router.post("/people/sources/{name}/secret")
async def secret(request: Request, name: str) -> Response:
    """A new one, or the one that the sender gives out, shown this once."""
    store, form = here(request).store, await request.form()
    await kept.get_intake(store, name)
    require_sure(request)
    try:
        made = await kept.make_secret(store, name, request.state.who, str(form.get("given", "")).strip())
    except UserError as error:
        return await _one(request, await kept.get_intake(store, name), wrong=str(error))
    return await _one(request, await kept.get_intake(store, name), made)


@router.post("/people/sources/{name}/{deed}")
async def deed(request: Request, name: str, deed: str) -> Response:
    """Paused, resumed, read now, or removed."""
    store, who = here(request).store, request.state.who
    await kept.get_intake(store, name)
    if deed == "remove":
        await kept.remove(store, name, who)
        return RedirectResponse("/people/sources", 303)
    if deed == "sync":
        await call_for(store, name)
    elif deed in ("pause", "resume"):
        await (kept.pause if deed == "pause" else kept.resume)(store, name, who)
    else:
        raise UserError("an intake is paused, resumed, read now or removed")
    return RedirectResponse(f"/people/sources/{name}", 303)


async def _one(request: Request, found: Kept, secret: str = "", wrong: str = "") -> HTMLResponse:
    base = str(request.app.state.public_url or str(request.base_url).rstrip("/"))
    return page(
        request,
        "source.html",
        422 if wrong else 200,
        one=found,
        address=f"{base}{found.path}",
        place=_place(found),
        lines=drawn(found.intake).rows.rows,
        fields=FIELDS,
        secret=secret,
        wrong={"given": wrong} if wrong else {},
        sure=request.state.session.sure,
    )


def _place(found: Kept) -> Json:
    """How far a database was read: what its cursor said last."""
    said = found.place[0] if found.place else None
    return next(iter(said.values())) if isinstance(said, dict) else said


async def _form(
    request: Request, draft: Draft, name: str, status: int = 200, draw: bool = False
) -> HTMLResponse:
    app = here(request)
    events, why = await _events(app, draft)
    first = first_of(draft, events[0]) if events else None
    if draw and first is not None:
        draft = guessed(draft, first)
    results, failed = _tried(draft, events)
    databases = [row.name for row in await list_connections(app.store) if row.linked.kind == "sql"]
    tables, unread = await _tables(app, draft)
    return page(
        request,
        "source_edit.html",
        status,
        draft=draft,
        name=name,
        fields=FIELDS,
        places=places_of(first)[:60] if first is not None else [],
        events=len(events),
        results=results,
        failed=why or failed,
        databases=databases,
        tables=tables,
        unread=unread,
        show=status == 422,
    )


async def _events(app: App, draft: Draft) -> tuple[Sequence[Json], str]:
    """Examples of what comes: what was pasted, or the first rows; and why there are none."""
    try:
        if draft.kind == "webhook":
            return events_in(draft.sample), ""
        if draft.said.get("database") and draft.said.get("query"):
            zone = draft.said.get("zone") or "UTC"
            return await peek(app, draft.said["database"], draft.said["query"], zone), ""
    except (RemitError, OSError, KeyError, ValueError) as error:
        return [], str(error)
    return [], ""


async def _tables(app: App, draft: Draft) -> tuple[Sequence[str], str]:
    if draft.kind != "database" or not draft.said.get("database"):
        return [], ""
    try:
        return await tables_of(app, draft.said["database"]), ""
    except (RemitError, OSError) as error:
        return [], str(error)


def _tried(
    draft: Draft, events: Sequence[Json]
) -> tuple[Sequence[tuple[Interaction | None, Wrong | None]], str]:
    if draft.intake is None or not events:
        return [], ""
    try:
        found = tried(draft.intake, events)
    except UserError as error:
        return [], str(error)
    return [(None, one) if isinstance(one, Wrong) else (one, None) for one in found], ""
