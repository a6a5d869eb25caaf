"""An agent's page: a form over its YAML, and the YAML itself. What is saved is a draft, by the same checks that its file passes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from remit.agents.yaml import plain
from remit.app import App
from remit.catalogue import kept as store_of
from remit.catalogue import work
from remit.catalogue.differ import Line, compared
from remit.catalogue.examine import examine
from remit.catalogue.find import finder, library_of, of_library, texts_of
from remit.catalogue.kept import Kept
from remit.catalogue.offer import Offer, offer_for
from remit.catalogue.offered import Wrong
from remit.catalogue.text import document, team_of, written
from remit.catalogue.typed import apply
from remit.connections.kept import known_connections
from remit.console.building import view
from remit.console.show import here, needs, needs_of_agent, page
from remit.console.trying import pane
from remit.errors import Overtaken, SpecError, UserError

router = APIRouter(dependencies=[needs_of_agent("agents:read")])
FIELDS = 5_000  # of a form


@dataclass(frozen=True)
class Sent:
    """What a form of an agent said: the text that comes of it, and what is wrong with that."""

    kept: Kept
    base: int  # the `rev` that it was made from
    text: str
    offer: Offer
    wrong: list[Wrong] = field(default_factory=list)


@router.get("/agents/{name}")
async def agent(request: Request, name: str) -> HTMLResponse:
    app = here(request)
    kept, text = await shown_of(app, name)
    _, wrong = await work.judged(app, name, text)
    return await form_page(request, app, name, kept, text, await offered(app, name, kept), wrong)


@router.post("/agents/{name}", dependencies=[needs("agents:write")])
async def save(request: Request, name: str) -> Response:
    """Save what the form says as the draft; `do` says where to go from there."""
    form = await request.form(max_fields=FIELDS)
    if (instead := await save_form(request, name, form)) is not None:
        return instead
    onward = "/publish" if form.get("do") == "publish" else ""
    return RedirectResponse(f"/agents/{name}{onward}", 303)


async def shown_of(app: App, name: str) -> tuple[Kept | None, str]:
    """An agent's text: of the workspace, or of the library, which keeps nothing of it here. Raises UnknownName."""
    kept = await store_of.find_kept(app.store, name)
    ready = library_of(app.store)
    if kept is None and name not in ready:
        await store_of.kept(app.store, name)  # says which there are
    return kept, kept.text if kept else ready[name].read_text(encoding="utf-8")


async def save_form(request: Request, name: str, form: FormData) -> HTMLResponse | None:
    """Keep what a form says as the draft; the page that is shown instead where something is wrong, or somebody else was first."""
    app = here(request)
    sent = await read_form(app, name, form)
    if sent.wrong:
        return await form_page(request, app, name, sent.kept, sent.text, sent.offer, sent.wrong, 422)
    try:
        await store_of.save_draft(app.store, name, sent.text, request.state.who, sent.base)
    except Overtaken as error:
        return conflict(request, name, await store_of.kept(app.store, name), sent.text, str(error))
    return None


@router.get("/agents/{name}/yaml")
async def as_yaml(request: Request, name: str) -> HTMLResponse:
    kept, text = await shown_of(here(request), name)
    return yaml_page(request, name, kept, text, [])


@router.post("/agents/{name}/yaml", dependencies=[needs("agents:write")])
async def save_yaml(request: Request, name: str) -> Response:
    """Save a text as the draft: typed, or taken over from a comparison."""
    app, form = here(request), await request.form(max_fields=FIELDS)
    text = str(form.get("text", "")).replace("\r\n", "\n").rstrip() + "\n"
    now = await store_of.kept(app.store, name)
    _, wrong = await work.judged(app, name, text, browser=True, base=now.text)
    if wrong:
        return yaml_page(request, name, now, text, wrong, 422)
    try:
        await store_of.save_draft(app.store, name, text, request.state.who, base_of(form))
    except Overtaken as error:
        return conflict(request, name, await store_of.kept(app.store, name), text, str(error))
    return RedirectResponse(f"/agents/{name}", 303)


async def read_form(app: App, name: str, form: FormData) -> Sent:
    """The text that the form was shown of, with what was typed put into it. Raises UnknownName, UserError."""
    kept = await store_of.kept(app.store, name)
    offer = await offered(app, name, kept)
    under = str(form.get("text", "")).replace("\r\n", "\n") or kept.text
    try:
        data = document(under)
    except SpecError:  # nobody's page has sent that
        under, data = kept.text, document(kept.text)
    before = plain(document(under))
    typed = {key: [str(value) for value in form.getlist(key)] for key in form}
    wrong = apply(data, typed, offer)
    text = under if plain(data) == before else written(data)
    wrong += (await work.judged(app, name, text, browser=True, base=kept.text))[1]
    return Sent(kept, base_of(form), text, offer, wrong)


def base_of(form: FormData) -> int:
    """Raises UserError where the page did not say what it was made from."""
    base = str(form.get("base", ""))
    if not base.isascii() or not base.isdigit() or len(base) > 15:
        raise UserError("the page did not say which draft it shows: load it again")
    return int(base)


async def offered(app: App, name: str, kept: Kept | None) -> Offer:
    """What can be ticked for an agent; what it names itself is trusted as it is kept."""
    linked = await known_connections(app.store)
    if kept is None:
        return offer_for(of_library(name), linked)
    try:
        texts = await texts_of(app.store.whole, team_of(kept.text))
    except SpecError:
        return offer_for(None, linked)
    found, _ = examine(kept.text, name, finder(texts, name))
    return offer_for(found, linked)


async def form_page(
    request: Request,
    app: App,
    name: str,
    kept: Kept | None,
    text: str,
    offer: Offer,
    wrong: list[Wrong],
    status: int = 200,
    **more: Any,
) -> HTMLResponse:
    values = await view(request, app, name, kept, text, offer, wrong)
    beside = await pane(app, name, request.query_params.get("try", "")) if kept else {}
    return page(request, "builder.html", status, **values, **beside, tab="form", **more)


def yaml_page(
    request: Request, name: str, kept: Kept | None, text: str, wrong: list[Wrong], status: int = 200
) -> HTMLResponse:
    return page(
        request,
        "agent_yaml.html",
        status,
        name=name,
        kept=kept,
        text=text,
        wrong=[work.said(one) for one in wrong],
        tab="yaml",
        may_build="agents:write" in request.state.rights,
    )


def conflict(request: Request, name: str, now: Kept, mine: str, why: str) -> HTMLResponse:
    """Somebody else was first: what differs, and a choice; nothing is lost."""
    lines = as_diff(compared(now.text, mine))
    return page(request, "agent_conflict.html", 409, name=name, kept=now, mine=mine, why=why, lines=lines)


def as_diff(lines: list[Line]) -> list[str]:
    """As `diff -u` writes it."""
    marks = {"same": " ", "out": "-", "in": "+", "gap": "@@"}
    return [f"{marks[line.kind]} {line.text}".rstrip() for line in lines]
