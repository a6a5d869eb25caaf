"""Who calls: by a token, or by the console's session where a page of ours asks. Nothing is read before that is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import Depends, Request
from psycopg import OperationalError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remit.access.roles import Access
from remit.api.problems import Refused, tell, unreachable
from remit.api.tokens import allowed, token_of
from remit.app import App
from remit.store.guest import DEFAULT
from remit.store.store import Store

OPEN = ("/openapi.json",)  # the same everywhere, and what a client reads first
LARGEST = 2_000_000  # bytes of a body
WITH_FILES = 16_000_000  # of one that begins a run: 10 MB in base64, and all else
LOOKS = ("GET", "HEAD", "OPTIONS")
# A session is a person at a browser; that somebody else is whom a run acts for is nothing that they can prove
NOT_OF_A_SESSION = frozenset({"persons:assert"})
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="remit"'}


@dataclass(frozen=True, slots=True)
class Caller:
    """In whose name a request is made, and for what."""

    who: str
    scopes: frozenset[str]
    key: str  # what its idempotency keys are its own by
    workspace: str = DEFAULT
    agents: frozenset[str] | None = None  # of which alone anything is there for them; None: all
    sure: bool = True  # False: a session that is to show again who it is before it gives anybody a key

    @property
    def in_browser(self) -> bool:
        """By a session: it names no code of the server that is not offered."""
        return self.key.startswith("session")


class Guarded:
    """Middleware of the API: who calls is known before anything of the request is read."""

    def __init__(self, app: ASGIApp, remit: App) -> None:
        self.app, self.remit = app, remit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if path not in OPEN:
            try:
                request.state.caller = await self.caller(request)
            except Refused as error:
                await tell(request, error.status, error.detail, headers=error.headers)(scope, receive, send)
                return
            except OperationalError:
                await unreachable(request)(scope, receive, send)
                return
        files = (request.method, path) == ("POST", "/runs") and "runs:write" in request.state.caller.scopes
        await self.app(scope, bounded(receive, WITH_FILES if files else LARGEST), send)

    async def caller(self, request: Request) -> Caller:
        """Raises Refused. A token that does not hold is refused though there is a session: a caller means what it sends."""
        if (given := request.headers.get("authorization")) is not None:
            return await by_token(self.remit.store, given)
        who = getattr(request.state, "who", None)
        if who is None:
            what = "send a token, as `Authorization: Bearer remit_…`; `remit tokens add --help` says how to make one"
            raise Refused(401, what, headers=CHALLENGE)
        if request.method not in LOOKS and not request.state.own:
            raise Refused(403, "with a session only pages of the console change something; use a token")
        workspace: str = request.state.workspace
        found = of_session(who, request.state.access, request.state.sees, workspace)
        return replace(found, sure=request.state.session.sure)


def of_session(
    who: str, access: Access, agents: frozenset[str] | None, workspace: str, *, asserts: bool = False
) -> Caller:
    """A person at a browser, who is there for these agents; None: for all. `asserts`: they have said themselves, and not a script
    of theirs, that they know for whom it is."""
    key = f"session:{who}" if workspace == DEFAULT else f"session@{workspace}:{who}"
    rights = allowed(access, agents)
    return Caller(who, rights if asserts else rights - NOT_OF_A_SESSION, key, workspace, agents)


async def by_token(store: Store, given: str) -> Caller:
    """Whoever the header `Authorization` speaks for. Raises Refused."""
    kind, _, secret = given.partition(" ")
    token = await token_of(store, secret.strip()) if kind.lower() == "bearer" else None
    if token is None:
        what = "the token is not known, has expired or was revoked; `remit tokens list` shows those that hold"
        challenge = {"WWW-Authenticate": f'{CHALLENGE["WWW-Authenticate"]}, error="invalid_token"'}
        raise Refused(401, what, headers=challenge)
    return Caller(token.who, frozenset(token.holds), f"token:{token.id}", token.workspace, token.of)


def bounded(receive: Receive, most: int = LARGEST) -> Receive:
    """A body that ends at the limit, whatever it says of its length."""
    read = 0

    async def counted() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > most:
            raise HTTPException(413)
        return message

    return counted


def may(scope: str) -> Any:
    """A parameter of an endpoint: who calls, where they have the scope."""

    def caller(request: Request) -> Caller:
        found: Caller = request.state.caller
        require(found, scope)
        return found

    return Depends(caller)


def require(caller: Caller, scope: str, what: str = "this") -> None:
    """Raises Refused where the caller lacks the scope."""
    if scope not in caller.scopes:
        raise Refused(
            403, f"{what} needs the scope {scope}; the token has {', '.join(sorted(caller.scopes))}"
        )


def require_sure(caller: Caller) -> None:
    """Raises Refused where a page of the console would have them confirm first that it is they."""
    if not caller.sure:
        raise Refused(403, "confirm first that it is you, at /confirm of the console; or use a token")


def require_whole(caller: Caller) -> None:
    """Raises Refused where the caller is there for some agents alone, and this is the workspace's."""
    if caller.agents is not None:
        raise Refused(403, "this is of the whole workspace, and the token is for single agents")


Reads = Annotated[Caller, may("runs:read")]
Writes = Annotated[Caller, may("runs:write")]
Approves = Annotated[Caller, may("approvals:write")]
Looks = Annotated[Caller, may("agents:read")]
Connects = Annotated[Caller, may("connections:write")]
Surveys = Annotated[Caller, may("settings:read")]
Keeps = Annotated[Caller, may("knowledge:write")]
Meets = Annotated[Caller, may("persons:read")]
Hears = Annotated[Caller, may("persons:write")]
Settles = Annotated[Caller, may("settings:write")]
Builds = Annotated[Caller, may("agents:write")]


def served(request: Request) -> App:
    """The App of the caller's workspace, as far as they are there for all of it or some agents."""
    root: App = request.app.state.remit
    caller: Caller = request.state.caller
    return root.within(caller.workspace, caller.agents)


Served = Annotated[App, Depends(served)]
ALWAYS = (401, 403, 413, 421, 422, 500, 503)


def documented(scope: str, *statuses: int) -> dict[str, Any]:
    """What the document says of an endpoint beside its parameters: the scope, and every status that it may answer with."""
    return {
        "responses": {status: {} for status in sorted({*ALWAYS, *statuses})},
        "openapi_extra": {"x-remit-scope": scope, "security": [{"token": [scope]}, {"session": []}]},
    }
