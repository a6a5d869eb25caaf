"""Where somebody works: the workspaces that they may work in, and the way from one to another."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.console.session import Session, go_to
from remit.console.show import here, page
from remit.errors import UnknownName
from remit.workspaces import workspaces_of

router = APIRouter()


@router.get("/workspaces")
async def workspaces(request: Request) -> HTMLResponse:
    session: Session = request.state.session
    return page(request, "workspaces.html", spaces=await workspaces_of(here(request).store, session.who))


@router.post("/workspaces")
async def choose(request: Request, name: Annotated[str, Form()] = "") -> Response:
    """Work there from now on, in this browser. One in which they are nobody is no other than one that there is not."""
    session: Session = request.state.session
    store = here(request).store
    known = [one.name for one in await workspaces_of(store, session.who)]
    if name not in known:
        raise UnknownName("workspace", name[:100], known)
    await go_to(store, session.id, name)
    return RedirectResponse("/", 303)
