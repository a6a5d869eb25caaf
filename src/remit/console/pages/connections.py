"""Connections: outside systems that agents may use, whether they work, and who uses them; and secrets, which are only written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Form as FormField
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.catalogue.kept import list_kept
from remit.catalogue.text import data_of
from remit.connections import reaching
from remit.connections.form import EFFECTS, Form, form_of, keep, pin
from remit.connections.kept import CALLED, Row, connection_of, list_connections, remove_connection
from remit.connections.pace import paces_of
from remit.connections.pinning import Seen
from remit.connections.reaching import Reaching
from remit.connections.trial import Trial, try_out
from remit.console.show import here, needs, page
from remit.errors import FieldError, SpecError, UserError
from remit.store.secrets import list_secrets, remove_secret, set_secret
from remit.store.store import Store

router = APIRouter(dependencies=[needs("agents:read")])
CHANGES = [needs("connections:write")]
Text = Annotated[str, FormField()]


@router.get("/connections")
async def connections(request: Request) -> HTMLResponse:
    return await all_page(request)


async def users(store: Store) -> dict[str, list[str]]:
    """Which agents use which connection, drafts too."""
    found: dict[str, list[str]] = {}
    for agent in await list_kept(store, archived=False):
        for name in sorted(_used(text for text in (agent.draft, agent.published) if text)):
            found.setdefault(name, []).append(agent.name)
    return found


def _used(texts: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for text in texts:
        try:
            given = data_of(text).get("connections")
        except SpecError:
            continue
        if isinstance(given, dict):
            found |= {str(one["use"]) for one in given.values() if isinstance(one, dict) and "use" in one}
    return found


@router.get("/connections/new", dependencies=CHANGES)
async def new(request: Request, kind: str = "mcp") -> HTMLResponse:
    return form_page(request, Form(kind=kind if kind in CALLED else "mcp"), "")


@router.post("/connections/new", dependencies=CHANGES)
async def add(request: Request) -> Response:
    return await _kept(request, "")


@router.get("/connections/{name}")
async def one(request: Request, name: str) -> HTMLResponse:
    app = here(request)
    return await one_page(request, await connection_of(app.store, name))


@router.get("/connections/{name}/change", dependencies=CHANGES)
async def change(request: Request, name: str) -> HTMLResponse:
    row = await connection_of(here(request).store, name)
    return form_page(request, form_of(name, row.linked), name)


@router.post("/connections/{name}/change", dependencies=CHANGES)
async def changed(request: Request, name: str) -> Response:
    await connection_of(here(request).store, name)
    return await _kept(request, name)


async def _kept(request: Request, name: str) -> Response:
    """Keep what the form says, and try it."""
    app = here(request)
    given = {key: str(value).strip() for key, value in (await request.form()).items()}
    form = Form(**{key: given.get(key, "") for key in Form.__slots__} | ({"name": name} if name else {}))
    within = "settings:write" in request.state.rights
    if not name and form.name in {row.name for row in await list_connections(app.store)}:
        return form_page(request, form, name, FieldError("name", "is taken already"))
    try:
        linked = await keep(app.store, form, request.state.who, within)
    except FieldError as error:
        return form_page(request, form, name, error)
    await try_out(app, form.name, linked, within)
    return RedirectResponse(f"/connections/{form.name}", 303)


@router.post("/connections/{name}/try", dependencies=CHANGES)
async def try_(request: Request, name: str) -> HTMLResponse:
    app = here(request)
    row = await connection_of(app.store, name)
    trial = await try_out(app, name, row.linked, "settings:write" in request.state.rights)
    return await one_page(request, await connection_of(app.store, name), trial)


@router.post("/connections/{name}/pin", dependencies=CHANGES)
async def pin_tools(request: Request, name: str) -> Response:
    """The form says of each tool that was read and ticked what it does and whom it reaches."""
    app = here(request)
    row = await connection_of(app.store, name)
    given = {key: str(value) for key, value in (await request.form()).items()}
    trial = await try_out(app, name, row.linked, "settings:write" in request.state.rights)
    if trial.seen is None:
        return await one_page(request, await connection_of(app.store, name), trial)
    try:
        await pin(app.store, name, row.linked, trial.seen, given, request.state.who)
    except UserError as error:
        return await one_page(request, row, trial, str(error), given)
    return RedirectResponse(f"/connections/{name}", 303)


@router.post("/connections/{name}/remove", dependencies=CHANGES)
async def remove(request: Request, name: str) -> Response:
    await remove_connection(here(request).store, name, request.state.who)
    return RedirectResponse("/connections", 303)


@router.post("/secrets", dependencies=CHANGES)
async def write_secret(request: Request, name: Text = "", value: Text = "") -> Response:
    app, who = here(request), request.state.who
    try:
        await set_secret(app.store, name.strip(), value, who)
    except UserError as error:
        return await all_page(request, str(error), 422)
    return RedirectResponse("/connections#secrets", 303)


@router.post("/secrets/{name}/remove", dependencies=CHANGES)
async def forget_secret(request: Request, name: str) -> Response:
    await remove_secret(here(request).store, name, request.state.who)
    return RedirectResponse("/connections#secrets", 303)


async def all_page(request: Request, wrong: str = "", status: int = 200) -> HTMLResponse:
    """`wrong`: with a secret that was not kept."""
    app = here(request)
    rows = await list_connections(app.store)
    return page(
        request,
        "connections.html",
        status,
        rows=rows,
        paces={row.name: await paces_of(app.root.store, app.store.workspace, row) for row in rows},
        silent={row.name: sum(bool(one.looks) for one in reached(row).values()) for row in rows},
        users=await users(app.store),
        called=CALLED,
        secrets=await list_secrets(app.store),
        wrong=wrong,
    )


def form_page(request: Request, form: Form, name: str, wrong: FieldError | None = None) -> HTMLResponse:
    return page(
        request,
        "connection_form.html",
        422 if wrong else 200,
        form=form,
        name=name,
        wrong={wrong.field: str(wrong)} if wrong else {},
        called=CALLED,
        owner="settings:write" in request.state.rights,
    )


def reached(row: Row, seen: Seen | None = None) -> dict[str, Reaching]:
    """Of each tool that is offered, or else pinned, whom it reaches."""
    one = row.linked.connection
    tools, server = (seen.now.tools, seen.now.server) if seen else (one.pinned, one.server)
    return {
        name: reaching.reaching(row.name, tool, server, one.declare.get(name)) for name, tool in tools.items()
    }


async def one_page(
    request: Request,
    row: Row,
    trial: Trial | None = None,
    wrong: str = "",
    given: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """`given`: what the form said that could not be kept, and `wrong` why."""
    linked = row.linked
    seen: Seen | None = trial.seen if trial else None
    found = reached(row, seen)
    ticked = set(linked.connection.pinned)
    if given is not None and seen is not None:
        found = {tool: reaching.as_said(one, tool, given) for tool, one in found.items()}
        ticked = {tool for tool, one in seen.now.tools.items() if given.get(f"tool:{tool}") == one.sha256}
    return page(
        request,
        "connection.html",
        409 if wrong else 200,
        row=row,
        linked=linked,
        called=CALLED,
        users=(await users(here(request).store)).get(row.name, []),
        paces=await paces_of(here(request).root.store, here(request).store.workspace, row),
        seen=seen,
        changes={change.tool: change for change in seen.changes} if seen else {},
        effects=EFFECTS,
        reached=found,
        ticked=ticked,
        forms=reaching,
        wrong=wrong,
    )
