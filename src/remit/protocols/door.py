"""The door of the protocols: who calls, by a token and nothing else, and from where."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

from remit.api.guard import Caller, by_token
from remit.api.problems import Refused
from remit.app import App

# What a client is told to ask for, where it has no token
SCOPES = "runs:read runs:write approvals:write"


async def caller_of(app: App, request: Request) -> Caller:
    """Raises Refused. A browser's session is none here: a page that is open somewhere is no client."""
    origin = request.headers.get("origin")
    hosts: frozenset[str] = request.app.state.hosts
    if origin is not None and urlsplit(origin).netloc.lower() not in hosts:
        raise Refused(403, "a page of another site calls nothing here")
    given = request.headers.get("authorization")
    if given is None:
        what = (
            "send a token, as `Authorization: Bearer remit_…`; `remit tokens add --help` says how to make one"
        )
        raise Refused(401, what, headers={"WWW-Authenticate": f'Bearer realm="remit", scope="{SCOPES}"'})
    return await by_token(app.store, given)
