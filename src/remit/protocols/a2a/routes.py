"""Which address of an agent is answered by what."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.response_helpers import agent_card_to_dict
from a2a.server.routes.common import DefaultServerCallContextBuilder
from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher
from a2a.server.routes.rest_routes import create_rest_routes
from a2a.types.a2a_pb2 import TaskState
from a2a.utils.errors import InvalidParamsError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, Router

from remit.api.problems import problem
from remit.app import App
from remit.protocols.a2a.card import public_card, whole_card
from remit.protocols.a2a.desk import Desk, Here
from remit.protocols.agents import agent_named


class Calls(DefaultServerCallContextBuilder):
    """Puts who calls which agent into what the library hands on."""

    def build(self, request: Request) -> ServerCallContext:
        context = super().build(request)
        require_state(request)
        context.state["here"] = Here(request.state.caller, request.path_params["agent"], _base(request))
        return context


def make_routes(app: App) -> tuple[Router, Desk]:
    desk, calls = Desk(app), Calls()
    rpc = JsonRpcDispatcher(desk, calls, enable_v0_3_compat=True)

    async def call(request: Request) -> Response:
        with suppress(ValueError):  # which the library answers
            request.state.body = await request.json()
        return await rpc.handle_requests(request)

    async def card(request: Request) -> Response:
        name = request.path_params["agent"]
        if request.state.caller is None:
            return JSONResponse(agent_card_to_dict(public_card(name, _base(request))))
        agent = await agent_named(app, name)
        if agent is None:
            return problem(404, f"there is no agent {name!r}; GET /api/v1/agents lists those that there are")
        return JSONResponse(agent_card_to_dict(whole_card(agent, _base(request))))

    *rest, _ = create_rest_routes(desk, calls)  # the last is for tenants, which are workspaces here
    routes = [
        Route("/{agent}/.well-known/agent-card.json", card, methods=["GET"]),
        Route("/{agent}", call, methods=["POST"]),
        Mount("/{agent}", routes=rest),
    ]
    return Router(routes, redirect_slashes=False), desk


def require_state(request: Request) -> None:
    """Raises InvalidParamsError for a state that there is not: the library would take it for none, and list all tasks."""
    body = getattr(request.state, "body", None)
    params = body.get("params") if isinstance(body, dict) else request.query_params
    status = params.get("status") if isinstance(params, Mapping) else None
    known = list(TaskState.keys())
    if isinstance(status, str) and status and status not in known:
        raise InvalidParamsError(f"status: {status[:50]!r} is no state of a task; known: {', '.join(known)}")


def _base(request: Request) -> str:
    """As the caller names the server, which is one of its names: the guard before has looked."""
    return f"{request.url.scheme}://{request.headers['host']}"
