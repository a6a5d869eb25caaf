"""Settings: by what people sign in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.access.factor import require, required
from remit.access.people import list_members
from remit.console.show import here, needs, page, require_sure

router = APIRouter()
Typed = Annotated[str, Form()]


@router.get("/settings/sign-in", dependencies=[needs("settings:read")])
async def ways_in(request: Request) -> HTMLResponse:
    store = here(request).store
    people = [one for one in await list_members(store) if not one.disabled_at]
    return page(
        request,
        "ways_in.html",
        required=await required(store),
        have=sum(one.factor for one in people),
        all=len(people),
        sure=request.state.session.sure,
    )


@router.post("/settings/sign-in/second", dependencies=[needs("settings:write")])
async def ask_second(request: Request, required: Typed = "") -> Response:
    require_sure(request)
    await require(here(request).store, request.state.who, required == "yes")
    return RedirectResponse("/settings/sign-in", 303)
