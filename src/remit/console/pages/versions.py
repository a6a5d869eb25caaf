"""Publishing an agent, the versions that it had, going back to one, and taking it out of use."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.app import App
from remit.catalogue import kept as store_of
from remit.catalogue import work
from remit.catalogue.differ import compared
from remit.catalogue.kept import Kept
from remit.catalogue.sentences import sentences
from remit.console.pages.builder import as_diff, base_of
from remit.console.pages.builder import conflict as conflicting
from remit.console.show import here, needs, needs_of_agent, page
from remit.errors import Overtaken, UserError
from remit.outfit import outfit

router = APIRouter(dependencies=[needs_of_agent("agents:read")])
DEEDS = ("archive", "restore", "drop")


@router.get("/agents/{name}/publish", dependencies=[needs("agents:write")])
async def look(request: Request, name: str) -> HTMLResponse:
    """What would change: in sentences, and line by line."""
    return await _publish_page(request, await store_of.kept(here(request).store, name), "", "")


@router.post("/agents/{name}/publish", dependencies=[needs("agents:write")])
async def publish(request: Request, name: str) -> Response:
    app, form = here(request), await request.form()
    note = str(form.get("note", "")).strip()[:2000]
    try:
        await work.publish(app, name, request.state.who, base_of(form), note)
    except Overtaken as error:
        return await _publish_page(request, await store_of.kept(app.store, name), note, str(error), 409)
    except UserError as error:
        return await _publish_page(request, await store_of.kept(app.store, name), note, str(error), 422)
    return RedirectResponse(f"/agents/{name}/versions", 303)


@router.get("/agents/{name}/versions")
async def versions(request: Request, name: str) -> HTMLResponse:
    app = here(request)
    now = await store_of.kept(app.store, name)
    return page(
        request,
        "agent_versions.html",
        name=name,
        kept=now,
        versions=await store_of.versions(app.store, name),
        tab="versions",
        may_build="agents:write" in request.state.rights,
    )


@router.get("/agents/{name}/versions/{version}")
async def version(request: Request, name: str, version: int) -> HTMLResponse:
    """One of them: what it changed, and what would change if it ran again."""
    app = here(request)
    now = await store_of.kept(app.store, name)
    found = await store_of.version_of(app.store, name, version)
    every = await store_of.versions(app.store, name)
    before = next((one.yaml for one in every if one.version == version - 1), "")
    return page(
        request,
        "agent_version.html",
        name=name,
        kept=now,
        version=found,
        changed=await _told(app, name, now, before, found.yaml),
        lines=as_diff(compared(before, found.yaml)),
        back=as_diff(compared(now.published or "", found.yaml)),
        tab="versions",
        may_build="agents:write" in request.state.rights,
    )


@router.post("/agents/{name}/versions/{version}", dependencies=[needs("agents:write")])
async def roll_back(request: Request, name: str, version: int) -> Response:
    app, form = here(request), await request.form()
    note = str(form.get("note", "")).strip()[:2000]
    await work.roll_back(app, name, version, request.state.who, base_of(form), note)
    return RedirectResponse(f"/agents/{name}/versions", 303)


@router.post("/agents/{name}/{deed}", dependencies=[needs("agents:write")])
async def act(request: Request, name: str, deed: str) -> Response:
    """Archive, restore, or drop the draft."""
    app, form = here(request), await request.form()
    base, who = base_of(form), request.state.who
    try:
        match deed:
            case "archive" | "restore":
                await store_of.archive(app.store, name, who, base, deed == "archive")
            case "drop":
                await store_of.drop_draft(app.store, name, who, base)
            case _:
                raise UserError(f"there is no {deed!r} to be done to an agent: {', '.join(DEEDS)}")
    except Overtaken as error:
        now = await store_of.kept(app.store, name)
        return conflicting(request, name, now, now.text, str(error))
    return RedirectResponse("/agents" if deed == "archive" else f"/agents/{name}", 303)


async def _publish_page(request: Request, now: Kept, note: str, why: str, status: int = 200) -> HTMLResponse:
    app = here(request)
    _, wrong = await work.judged(app, now.name, now.text)
    return page(
        request,
        "agent_publish.html",
        status,
        name=now.name,
        kept=now,
        note=note,
        why=why,
        wrong=[work.said(one) for one in wrong],
        changed=await _told(app, now.name, now, now.published or "", now.text),
        lines=as_diff(compared(now.published or "", now.text)),
    )


async def _told(app: App, name: str, now: Kept, before: str, after: str) -> list[str]:
    """What differs between two texts, in sentences."""
    old, new = [await _sentences(app, name, text) for text in (before, after)]
    return as_diff([line for line in compared("\n".join(old), "\n".join(new), 0) if line.kind != "gap"])


async def _sentences(app: App, name: str, text: str) -> list[str]:
    """Of a text that is kept, and so names nothing that was not examined."""
    if not text:
        return []
    agent, wrong = await work.judged(app, name, text)
    if agent is None or wrong:
        return ["cannot be used any more as it stands"]
    return sentences(agent, outfit(agent).tools)
