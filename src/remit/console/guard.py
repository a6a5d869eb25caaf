"""What every request passes: the host that it names, where it comes from, who sends it; and the headers of every answer."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode, urlsplit

from fastapi import Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from remit.access.roles import NOTHING
from remit.api.problems import problem
from remit.app import App
from remit.brought import FROM_A_BROWSER
from remit.console.session import Session, signed_in
from remit.console.show import let_in
from remit.console.signing import session_of
from remit.store.guest import DEFAULT

Next = Callable[[Request], Awaitable[Response]]
API = (
    "/api/",
    "/v1/",
    "/mcp",
    "/a2a/",
    "/ag-ui/",
    "/hooks/",
    "/u/",
    "/c/",
    "/o/",
    "/chat/",
)  # have guards of their own, that know tokens as well
OPEN = (
    "/enter",
    "/sign-in",
    "/sign-in/code",
    "/join",
    "/leave",
    "/healthz",
)  # what nobody need be signed in for, nor for what is below these
LARGEST = {True: 8_000_000, False: 20_000}  # bytes of a form, of who is signed in and of who is not
# Forms that files come with: as much beyond their limit as lets it be said at the field
WITH_FILES = re.compile(r"/runs/new|/agents/[^/]+/try")
LARGEST_WITH_FILES = FROM_A_BROWSER.all + FROM_A_BROWSER.each + LARGEST[True]
OPEN_BELOW = ("/static/", "/sign-in/with/", "/sign-in/back/")
# Where somebody may go who has to set a second factor up before anything else
SETTING_UP = ("/account", "/confirm", "/leave", "/sign-in", "/workspaces", "/healthz", "/static")
LOOKS = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


async def guard(request: Request, call_next: Next) -> Response:
    """Middleware. A page of another site can name this host by a name of its own (DNS rebinding) or send a form to it
    (CSRF): the first is told by the host, the second by where the browser says that the request comes from."""
    secure = request.app.state.secure  # afterwards the app is perhaps one that is mounted
    response = await _passed(request, call_next)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
    if not request.url.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


async def _passed(request: Request, call_next: Next) -> Response:
    hosts: frozenset[str] = request.app.state.hosts
    api = request.url.path.startswith(API)
    if request.headers.get("host", "").lower() not in hosts:
        words = f"This server is {' or '.join(sorted(hosts))}."
        return problem(421, words) if api else PlainTextResponse(words, 421)
    request.state.own = _own(request, hosts)
    if request.method not in LOOKS and not request.state.own and not api:
        return PlainTextResponse("This request comes from another site.", 403)
    request.state.who, request.state.session, request.state.workspace = None, None, DEFAULT
    let_in(request, NOTHING)
    if token := session_of(request):
        root: App = request.app.state.remit
        found = await signed_in(root.within(DEFAULT).store, token)
        if found is not None:
            request.state.who, request.state.session = found.who, found
            request.state.workspace = found.workspace
            let_in(request, found.access)
    if not api and (refused := _refused(request, request.state.session)):
        return refused
    return await call_next(request)


def _refused(request: Request, session: Session | None) -> Response | None:
    """What the pages do not take: too much at once, or anything of somebody who is not signed in."""
    said = request.headers.get("content-length", "")
    if request.method not in LOOKS:
        if not said.isascii() or not said.isdigit():
            return PlainTextResponse("Say how long it is, by Content-Length.", 411)
        if len(said) > 12 or int(said) > _largest(request, session):
            return PlainTextResponse("That is too much at once.", 413)
    path = request.url.path
    if session is not None and session.lacking and f"/{path.split('/')[1]}" not in SETTING_UP:
        return _led(request, "/account/second")
    if session is not None or path in OPEN or path.startswith(OPEN_BELOW):
        return None
    query = f"?{request.url.query}" if request.url.query else ""
    onward = f"?{urlencode({'next': path + query})}" if request.method == "GET" and path != "/" else ""
    return _led(request, "/sign-in", onward)


def _largest(request: Request, session: Session | None) -> int:
    files = request.headers.get("content-type", "").startswith("multipart/form-data")
    if session is not None and files and WITH_FILES.fullmatch(request.url.path):
        return LARGEST_WITH_FILES
    return LARGEST[session is not None]


def _led(request: Request, path: str, query: str = "") -> Response:
    """To another page; where only a piece of one was asked for, the page around it goes there."""
    if request.headers.get("HX-Request"):
        return Response(status_code=401, headers={"HX-Redirect": path})
    return RedirectResponse(f"{path}{query}", 303)


def _own(request: Request, hosts: frozenset[str]) -> bool:
    """Whether a page of ours sends it. Every browser says one of the two of a request that changes something."""
    if site := request.headers.get("sec-fetch-site"):
        return site == "same-origin"
    return urlsplit(request.headers.get("origin", "")).netloc.lower() in hosts
