"""The web server: the pages of the console over one App."""

from __future__ import annotations

import logging
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException
from starlette.routing import Route

from remit.access.oidc import Issuers
from remit.api.chat import make_chat
from remit.api.follow import make_follow, make_opened
from remit.api.hooks import make_hooks
from remit.api.leave import make_leave
from remit.api.problems import missing
from remit.api.routes import Below, routes_of
from remit.api.server import make_api
from remit.app import App
from remit.console.guard import guard
from remit.console.meaning import Meaning
from remit.console.pages import (
    account,
    agents,
    audit,
    behaviours,
    belonging,
    budgets,
    builder,
    compare,
    connections,
    decide,
    decisions,
    describe,
    design,
    elsewhere,
    erasing,
    export,
    files,
    flows,
    fork,
    house,
    inbox,
    intakes,
    intents,
    journeys,
    keeping,
    knowledge,
    leave,
    live,
    members,
    models,
    people,
    person,
    playbook_edit,
    policy,
    policy_edit,
    retention,
    runs,
    second,
    segments,
    several,
    sign_in,
    sources,
    start,
    talks,
    today,
    tokens,
    triggers,
    tryout,
    versions,
    ways_in,
    webhooks,
    why,
    workspaces,
)
from remit.console.session import Door
from remit.console.show import HERE, Unsure, page
from remit.console.watch import Watch
from remit.errors import Forbidden, RemitError, UserError
from remit.lately import Lately
from remit.protocols.a2a.http import A2aDoor
from remit.protocols.agui.server import make_agui
from remit.protocols.mcp.http import McpDoor
from remit.protocols.openai import make_openai
from remit.store.store import Sight

LOG = logging.getLogger(__name__)
PAGES = (
    today,
    inbox,
    decide,
    live,
    fork,
    compare,
    export,
    files,
    several,
    start,
    runs,
    why,
    policy,
    policy_edit,
    sign_in,
    leave,
    elsewhere,
    account,
    second,
    ways_in,
    agents,
    triggers,
    builder,
    tryout,
    describe,
    design,
    versions,
    members,
    tokens,
    audit,
    budgets,
    connections,
    knowledge,
    people,
    belonging,
    talks,
    segments,
    journeys,
    behaviours,
    intents,
    sources,
    intakes,
    erasing,
    person,
    flows,
    playbook_edit,
    decisions,
    house,
    models,
    keeping,
    retention,
    webhooks,
    workspaces,
)
ROUTES = routes_of(*(pages.router for pages in PAGES))


def make_server(app: App, door: Door, port: int, public_url: str = "") -> FastAPI:
    """The console, for browsers on this machine that name it by `localhost` or a loopback address and this port, and for those
    that reach it by the name in `public_url`, through a proxy in front."""
    server = FastAPI(title="Remit", openapi_url=None, docs_url=None, redoc_url=None)
    server.state.remit = app
    server.state.door = door
    server.state.public_url = public_url
    server.state.secure = public_url.startswith("https://")
    server.state.watches = dict[Sight, Watch]()
    server.state.lately = Lately()
    server.state.meaning = Meaning()
    server.state.issuers = Issuers()  # what providers say of themselves
    server.state.models = {}  # that can be chosen, by whose keys are there
    local = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
    server.state.hosts = frozenset(local | {urlsplit(public_url).netloc.lower()} - {""})
    server.middleware("http")(guard)
    server.add_exception_handler(RemitError, _told)
    server.add_exception_handler(HTTPException, _not_there)
    server.add_exception_handler(RequestValidationError, _not_there)
    server.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    server.router.routes += ROUTES
    server.state.mcp = McpDoor(app)
    server.state.a2a = A2aDoor(app)
    server.router.routes += [
        Below("/api/v1", make_api(app)),
        Below("/v1", make_openai(app)),
        Below("/ag-ui", make_agui(app)),
        Below("/hooks", make_hooks(app)),
        Below("/u", make_leave(app)),
        Below("/c", make_follow(app)),
        Below("/o", make_opened(app)),
        Below("/chat", make_chat(app)),
        Route("/mcp", server.state.mcp),
        Below("/a2a", server.state.a2a),
    ]

    @server.get("/healthz")
    async def healthz() -> JSONResponse:
        async with app.store.pool.connection() as connection:
            await connection.execute("select 1")
        return JSONResponse({"status": "ok"})

    return server


async def close(server: FastAPI) -> None:
    """Before it stops: send away whoever waits for a run, which goes on."""
    await server.state.meaning.close()
    await server.state.mcp.close()
    await server.state.a2a.close()


async def _not_there(request: Request, error: Exception) -> HTMLResponse:
    """An address that no page has, or with something in it that cannot be read."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    words = {
        404: "There is no such page: the address is mistyped, or what it led to has moved.",
        405: "This address is one that a form is sent to; nothing can be read there.",
    }.get(status, "Something in this address cannot be read: it was cut off, or changed.")
    return page(request, "problem.html", status, message=words)


async def _told(request: Request, error: Exception) -> Response:
    """What was wrong, in words: a person's mistake and what is not there are no faults of the server."""
    if isinstance(error, Unsure):
        return RedirectResponse(f"/confirm?{urlencode({'next': request.url.path})}", 303)
    if isinstance(error, Forbidden):
        LOG.warning("%r may not %s %r", request.state.who, request.method, request.url.path)
    status = 404 if missing(request, error) else 400
    status = 403 if isinstance(error, Forbidden) else status
    return page(request, "problem.html", status if isinstance(error, UserError) else 503, message=str(error))
