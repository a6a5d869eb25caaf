"""What signing in does to the browser: a new session, never one that was there before, and cookies that only this server gets."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from remit.access.providers import Provider, sealed_token
from remit.console.challenge import COOKIE as CHALLENGE
from remit.console.challenge import LASTS as ASKED_FOR
from remit.console.challenge import challenge
from remit.console.session import COOKIE, KNOWN, KNOWN_FOR, LASTS, know, sign_in, sign_out
from remit.console.show import here


def named(request: Request, cookie: str) -> str:
    """By https a cookie's name says to the browser that only this very host may set it."""
    return f"__Host-{cookie}" if request.app.state.secure else cookie


def session_of(request: Request) -> str:
    return request.cookies.get(named(request, COOKIE), "")


def mark_of(request: Request) -> str:
    """By which a browser is known again, after its session too."""
    return request.cookies.get(named(request, KNOWN), "")


def address_of(request: Request) -> str:
    return request.client.host if request.client else ""


def challenge_of(request: Request) -> str:
    """What a browser keeps while a code is asked for."""
    return request.cookies.get(named(request, CHALLENGE), "")


async def go_on(request: Request, who: str, how: str, onward: str = "/") -> Response:
    """Whoever has shown their password: they are signed in, or asked for a code where they have a second factor."""
    token = await challenge(here(request).store, who, how, local(onward))
    if not token:
        return await let_in(request, who, how, onward)
    response = RedirectResponse("/sign-in/code", 303)
    _set(request, response, CHALLENGE, token, int(ASKED_FOR.total_seconds()))
    return response


async def let_in(request: Request, who: str, how: str, onward: str = "/") -> Response:
    """Sign somebody in, in place of whoever was signed in here."""
    store = here(request).store
    await sign_out(store, session_of(request))
    token = await sign_in(store, who, how, request.headers.get("user-agent", ""), address_of(request))
    return await _known(request, who, token, RedirectResponse(local(onward), 303))


async def let_in_by(
    request: Request, who: str, provider: Provider, id_token: str, landing: Response
) -> Response:
    """The same for whom a provider means."""
    store = here(request).store
    await sign_out(store, session_of(request))
    token = await sign_in(
        store,
        who,
        provider.how,
        request.headers.get("user-agent", ""),
        address_of(request),
        provided_by=provider.workspace,
        id_token=sealed_token(store, provider, who, id_token),
    )
    return await _known(request, who, token, landing)


async def _known(request: Request, who: str, token: str, response: Response) -> Response:
    store = here(request).store
    _set(request, response, COOKIE, token, int(LASTS.total_seconds()))
    mark = await know(store, mark_of(request), who)
    _set(request, response, KNOWN, mark, int(KNOWN_FOR.total_seconds()))
    if challenge_of(request):
        _forget(request, response, CHALLENGE)
    return response


def let_go(request: Request, response: Response) -> Response:
    """The browser of whoever has signed out keeps nothing of it."""
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    _forget(request, response, COOKIE)
    return response


def address_here(request: Request) -> str:
    """Of this server, as others reach it."""
    return request.app.state.public_url or f"{request.url.scheme}://{request.headers['host']}"


def local(path: str) -> str:
    """A path of this server and of no other, where to go on; else Today."""
    parts = urlsplit(path)
    here_only = path.startswith("/") and not path.startswith("//") and not parts.netloc and not parts.scheme
    return path if here_only and "\\" not in path and path.isprintable() else "/"


def _forget(request: Request, response: Response, cookie: str) -> None:
    response.delete_cookie(
        named(request, cookie), secure=request.app.state.secure, httponly=True, samesite="strict"
    )


def _set(request: Request, response: Response, cookie: str, value: str, lasts: int) -> None:
    response.set_cookie(
        named(request, cookie),
        value,
        max_age=lasts,
        httponly=True,
        samesite="strict",
        secure=request.app.state.secure,
        path="/",
    )
