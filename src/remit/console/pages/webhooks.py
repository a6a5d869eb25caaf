"""Settings: who is told over HTTP of what happens in runs, and whether it arrives."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.console.show import here, page, require, require_sure
from remit.errors import UnknownName, UserError
from remit.webhooks import deliver, kept
from remit.webhooks.kept import EVENTS, Webhook

router = APIRouter()
RIGHT = "connections:write"
MOST = 50  # messages on a page
NEW = {"url": "", "events": ["run.finished"], "agents": ""}


@router.get("/settings/webhooks")
async def webhooks(request: Request) -> HTMLResponse:
    require(request, RIGHT)
    return await _page(request, NEW)


@router.post("/settings/webhooks")
async def add(request: Request) -> Response:
    """Its secret is on this page and nowhere else."""
    require(request, RIGHT)
    require_sure(request)
    form = await request.form()
    events = [str(event) for event in form.getlist("event")]
    typed = {"url": str(form.get("url", "")).strip(), "events": events, "agents": str(form.get("agents", ""))}
    agents = str(typed["agents"]).replace(",", " ").split()
    try:
        store, who = here(request).store, request.state.who
        made, secret = await kept.add_webhook(store, str(typed["url"]), events, agents, who)
    except UserError as error:
        field = "event" if not events or isinstance(error, UnknownName) else "url"
        return await _page(request, typed, {field: str(error).removeprefix("url: ")}, status=422)
    return await _page(request, NEW, made=made, secret=secret)


@router.get("/settings/webhooks/{webhook}")
async def webhook_page(request: Request, webhook: UUID) -> HTMLResponse:
    require(request, RIGHT)
    return await _one(request, await kept.get_webhook(here(request).store, webhook))


@router.post("/settings/webhooks/{webhook}/test")
async def try_out(request: Request, webhook: UUID) -> Response:
    require(request, RIGHT)
    await deliver.try_out(here(request).store, webhook, request.state.who)
    return RedirectResponse(f"/settings/webhooks/{webhook}", 303)


@router.post("/settings/webhooks/{webhook}/enable")
async def enable(request: Request, webhook: UUID) -> Response:
    require(request, RIGHT)
    await kept.enable(here(request).store, webhook, request.state.who)
    return RedirectResponse(f"/settings/webhooks/{webhook}", 303)


@router.post("/settings/webhooks/{webhook}/disable")
async def disable(request: Request, webhook: UUID) -> Response:
    require(request, RIGHT)
    await kept.disable(here(request).store, webhook, request.state.who, f"by {request.state.who}")
    return RedirectResponse(f"/settings/webhooks/{webhook}", 303)


@router.post("/settings/webhooks/{webhook}/rotate")
async def rotate(request: Request, webhook: UUID) -> Response:
    """For a day both secrets sign."""
    require(request, RIGHT)
    require_sure(request)
    store = here(request).store
    secret = await kept.rotate(store, webhook, request.state.who)
    return await _one(request, await kept.get_webhook(store, webhook), secret)


@router.post("/settings/webhooks/{webhook}/remove")
async def remove(request: Request, webhook: UUID) -> Response:
    require(request, RIGHT)
    await kept.remove(here(request).store, webhook, request.state.who)
    return RedirectResponse("/settings/webhooks", 303)


@router.post("/settings/webhooks/{webhook}/deliveries/{delivery}/resend")
async def resend(request: Request, webhook: UUID, delivery: UUID) -> Response:
    require(request, RIGHT)
    await deliver.resend(here(request).store, webhook, delivery)
    return RedirectResponse(f"/settings/webhooks/{webhook}", 303)


async def _one(request: Request, webhook: Webhook, secret: str = "") -> HTMLResponse:
    found = await deliver.list_deliveries(here(request).store, webhook.id, limit=MOST)
    sure = request.state.session.sure
    return page(request, "webhook.html", one=webhook, deliveries=found, secret=secret, sure=sure)


async def _page(
    request: Request,
    typed: Mapping[str, object],
    wrong: dict[str, str] | None = None,
    *,
    made: Webhook | None = None,
    secret: str = "",
    status: int = 200,
) -> HTMLResponse:
    return page(
        request,
        "webhooks.html",
        status,
        webhooks=await kept.list_webhooks(here(request).store),
        events=EVENTS,
        typed=typed,
        wrong=wrong or {},
        made=made,
        secret=secret,
        sure=request.state.session.sure,
    )
