"""A second factor beside one's own password: set up, changed, recovered from, taken off."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from remit.access.factor import address_of, coming, confirm, factor_of, new_codes, set_up, take_off
from remit.access.people import known
from remit.console.session import Session, end_sessions
from remit.console.show import here, page, require_sure
from remit.errors import UserError

router = APIRouter()
Typed = Annotated[str, Form()]


@router.get("/account/second")
async def second(request: Request) -> HTMLResponse:
    return await _page(request)


@router.post("/account/second")
async def change(request: Request, deed: Typed = "", code: Typed = "") -> Response:
    """What is done to it is done by who has just shown the password, and the code where one is asked already."""
    require_sure(request)
    session: Session = request.state.session
    store = here(request).store
    person = await known(store, session.who)
    try:
        match deed:
            case "begin":
                await set_up(store, person)
            case "confirm":
                codes = await confirm(store, person, code)
                await end_sessions(store, session.who, session.who, but=session.id)
                return await _page(request, codes=codes)
            case "codes":
                return await _page(request, codes=await new_codes(store, person))
            case "off":
                await take_off(store, session.who, person)
            case _:
                raise UserError("That is nothing that can be done to it.")
    except UserError as error:
        return await _page(request, str(error), 422)
    return RedirectResponse("/account/second" if deed == "begin" else "/account", 303)


async def _page(
    request: Request, wrong: str = "", status: int = 200, codes: list[str] | None = None
) -> HTMLResponse:
    session: Session = request.state.session
    store = here(request).store
    person = await known(store, session.who)
    key = await coming(store, person.id) if session.sure and not codes else ""
    return page(
        request,
        "second.html",
        status,
        session=session,
        factor=await factor_of(store, person.id),
        key=" ".join(key[at : at + 4] for at in range(0, len(key), 4)),
        picture=_picture(request, key, person.name) if key else "",
        codes=codes,
        wrong={"code" if key else "": wrong} if wrong else {},
    )


def _picture(request: Request, key: str, name: str) -> Markup:
    import segno  # when somebody sets it up, and not before

    place = urlsplit(request.app.state.public_url).hostname or "this machine"
    code = segno.make(address_of(key, name, f"Remit on {place}"), error="m", micro=False)
    # A part of the page, since no picture of it may lie anywhere; it has no style and no script in it
    return Markup(
        code.svg_inline(
            scale=5, dark="#000", light="#fff", svgclass="qr", lineclass=None, title="The key, to be scanned"
        )
    )
