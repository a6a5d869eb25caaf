"""What somebody sees and changes of themselves: where they are signed in, and their password."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.access.factor import factor_of
from remit.access.invitations import set_password
from remit.access.people import known
from remit.access.providers import passwords_off
from remit.access.roles import MEANS
from remit.console.pages.sign_in import prove
from remit.console.session import Session, end_sessions, sessions_of
from remit.console.show import here, page
from remit.console.signing import go_on
from remit.errors import Busy, UserError

router = APIRouter()
Typed = Annotated[str, Form()]


@router.get("/account")
async def account(request: Request) -> HTMLResponse:
    return await _page(request)


@router.post("/account/password")
async def change_password(
    request: Request, current: Typed = "", password: Typed = "", again: Typed = ""
) -> Response:
    """Whoever is signed in elsewhere as them is out, and this browser gets another session."""
    session: Session = request.state.session
    store = here(request).store
    wrong: dict[str, str] = {}
    status = 422
    try:
        if session.password and not await prove(request, session.who, current):
            wrong = {"current": "That is not your password."}
        elif password != again:
            wrong = {"again": "That is another one."}
        else:
            await set_password(store, session.who, await known(store, session.who), password)
            return await go_on(request, session.who, "password", "/account")
    except Busy as error:
        wrong, status = {"current": str(error)}, 429
    except UserError as error:
        wrong = {"password": str(error)}
    return await _page(request, wrong, status)


@router.post("/account/sessions/others")
async def end_others(request: Request) -> Response:
    session: Session = request.state.session
    await end_sessions(here(request).store, session.who, session.who, but=session.id)
    return RedirectResponse("/account", 303)


@router.post("/account/sessions/{id}/end")
async def end(request: Request, id: int) -> Response:
    session: Session = request.state.session
    await end_sessions(here(request).store, session.who, session.who, only=id)
    return RedirectResponse("/account", 303)


async def _page(request: Request, wrong: dict[str, str] | None = None, status: int = 200) -> HTMLResponse:
    session: Session = request.state.session
    store = here(request).store
    return page(
        request,
        "account.html",
        status,
        session=session,
        means=MEANS[session.role],
        factor=await factor_of(store, (await known(store, session.who)).id),
        sessions=await sessions_of(store, session.who),
        off=await passwords_off(store, session.who),
        wrong=wrong or {},
    )
