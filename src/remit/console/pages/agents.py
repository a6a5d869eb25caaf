"""Agents: those at hand with what they did lately, and how to begin one: from the library, from nothing, from a file."""

from __future__ import annotations

import re

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from remit import library
from remit.agents.yaml import plain
from remit.app import App
from remit.catalogue import kept as store_of
from remit.catalogue import work
from remit.catalogue.activity import activity
from remit.catalogue.find import library_of, of_library
from remit.catalogue.kept import Kept, list_kept
from remit.catalogue.text import data_of, document, split_pinned, written
from remit.console.pages.describe import propose
from remit.console.show import here, needs, needs_of_agent, page
from remit.errors import SpecError, UnknownName, UserError

router = APIRouter(dependencies=[needs_of_agent("agents:read")])


@router.get("/agents")
async def agents(request: Request) -> HTMLResponse:
    return await _listed(request, {}, {})


@router.post("/agents", dependencies=[needs("agents:write")])
async def begin(request: Request) -> Response:
    """A draft: of a copy of an agent, of nothing, or of a file's text. `from`: which."""
    app, form = here(request), await request.form()
    typed = {key: str(form.get(key, "")).strip() for key in ("name", "from", "text")}
    name = slug(typed["name"])
    try:
        if typed["from"] == "file":
            name, text = await _of_file(form, typed["text"])
        else:
            text = await _copied(app, "" if typed["from"] == "words" else typed["from"], name)
        if await store_of.find_kept(app.store, name) is not None:
            raise UserError(f"there is an agent {name} already: take another name, or go on with that one")
        await work.save(app, name, text, request.state.who, None, browser=True)
    except UserError as error:
        field = typed["from"] or "nothing"
        return await _listed(request, typed, {field: str(error)})
    if typed["from"] == "words":
        return await propose(request, name, typed["text"])
    return RedirectResponse(f"/agents/{name}", 303)


def slug(typed: str) -> str:
    """A name as agents have them, of what somebody typed: `Refund desk` is `refund-desk`. Raises nothing: what it makes is
    examined like any name."""
    return re.sub(r"[^a-z0-9_]+", "-", typed.casefold()).strip("-_")


async def _copied(app: App, source: str, name: str) -> str:
    """Raises UserError where no name is left of what was typed, or there is no such agent."""
    if not re.fullmatch(r"[a-z][a-z0-9_-]*", name):
        raise UserError("give it a name that begins with a letter, as refund-desk")
    if not source:
        return f"name: {name}\n"
    kept = await store_of.find_kept(app.store, source)
    if kept is None and source not in library.agents():
        raise UnknownName("agent", source, library.agents())
    data = document(kept.text if kept else library.agents()[source].read_text(encoding="utf-8"))
    data["name"] = name
    return written(data)


async def _of_file(form: FormData, pasted: str) -> tuple[str, str]:
    """(name, text) of what was sent or pasted. Raises UserError."""
    sent = form.get("file")
    text = pasted
    if sent is not None and not isinstance(sent, str) and sent.filename:
        try:
            text = (await sent.read(work.LONGEST + 1)).decode("utf-8")
        except UnicodeDecodeError as error:
            raise SpecError("the file is no text; an agent's file is YAML") from error
    if not text.strip():
        raise UserError("choose a file, or paste its text")
    name = plain(document(text)).get("name")
    if not isinstance(name, str) or not name:
        raise SpecError("an agent's file says its `name`")
    return name, text if text.endswith("\n") else text + "\n"


async def _listed(request: Request, typed: dict[str, str], wrong: dict[str, str]) -> HTMLResponse:
    app = here(request)
    kept = await list_kept(app.store)
    own = [one for one in kept if one.archived_at is None]
    ready = [of_library(name) for name in library_of(app.store)]
    return page(
        request,
        "agents.html",
        422 if wrong else 200,
        own=[(one, await purpose(app, one)) for one in own],
        archived=[one for one in kept if one.archived_at is not None],
        ready=ready,
        taken={one.name for one in kept},
        did=await activity(app.store, [*(one.name for one in own), *(one.name for one in ready)]),
        typed={"name": "", "from": "", "text": "", **typed},
        wrong=wrong,
        may_build="agents:write" in request.state.rights,
    )


async def purpose(app: App, one: Kept) -> str:
    """In its own words, what it is for."""
    found = data_of(one.published or one.text).get("description")
    return found if isinstance(found, str) else ""


@router.get("/agents/{name}/export")
async def export(request: Request, name: str) -> Response:
    """The text as the command line takes it: the draft's, where there is one."""
    app = here(request)
    kept = await store_of.find_kept(app.store, name)
    if kept is None and name in (ready := library_of(app.store)):
        text = ready[name].read_text(encoding="utf-8")
    else:
        text, _ = split_pinned((kept or await store_of.kept(app.store, name)).text)
    disposition = f'attachment; filename="{re.sub(r"[^a-z0-9_-]", "", name)}.yaml"'
    return Response(text, media_type="application/yaml", headers={"Content-Disposition": disposition})
