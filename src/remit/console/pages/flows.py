"""Ready flows in the browser: what each is about and needs, and added with its connections picked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.catalogue.find import names_known
from remit.connections.kept import Kind, list_connections
from remit.console.pages.people import given_in
from remit.console.show import here, needs, page
from remit.decisions.kept import list_playbooks
from remit.errors import UserError
from remit.flows import Flow, add, flow_of, flows

router = APIRouter(dependencies=[needs("agents:write")])
BY: Mapping[str, Kind] = {"email": "mail", "sms": "twilio", "whatsapp": "twilio", "slack": "slack"}


@dataclass(frozen=True, slots=True)
class Way:
    """A channel by which a flow sends: the connections that can, and the one that is meant."""

    channel: str
    could: Sequence[str]
    chosen: str


@router.get("/decisions/flows")
async def listed(request: Request) -> HTMLResponse:
    """All of the library, and which of them decide here already."""
    here_already = await list_playbooks(here(request).store)
    return page(request, "flows.html", flows=flows().values(), here=here_already)


@router.get("/decisions/flows/{flow}")
async def one(request: Request, flow: str) -> HTMLResponse:
    return await _page(request, flow_of(flow))


@router.post("/decisions/flows/{flow}")
async def added(request: Request, flow: str) -> Response:
    """It decides in shadow from then on, by these connections."""
    wanted, given = flow_of(flow), await given_in(request)
    through = {channel: given.get(f"by.{channel}", "") for channel in wanted.book.through}
    try:
        if lacking := [channel for channel, name in through.items() if not name]:
            raise UserError(f"say by which connection it writes by {lacking[0]}")
        await add(here(request).store, wanted.by(through), request.state.who)
    except UserError as error:
        return await _page(request, wanted, str(error), through)
    return RedirectResponse(f"/decisions/{flow}", 303)


async def _page(
    request: Request, flow: Flow, wrong: str = "", typed: Mapping[str, str] | None = None
) -> HTMLResponse:
    app = here(request)
    kinds = {one.name: one.linked.kind for one in await list_connections(app.store)}
    ways = []
    for channel, meant in flow.book.through.items():
        could = [name for name, kind in kinds.items() if kind == BY.get(channel, kind)]
        first = meant if meant in could else could[0] if could else ""
        ways.append(Way(channel, could, (typed or {}).get(channel, first)))
    started = {one.what for one in flow.book.actions if one.does == "start"}
    return page(
        request,
        "flow.html",
        422 if wrong else 200,
        flow=flow,
        ways=ways,
        lacking=sorted(started - set(await names_known(app.store))),
        here=(await list_playbooks(app.store)).get(flow.name),
        wrong={"": wrong} if wrong else {},
    )
