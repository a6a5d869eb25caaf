"""Settings: how long what is known of people is kept, what a change of that would take away, and up to when what was."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.console.pages.retention import WORDS as UNITS
from remit.console.pages.retention import age_of, split
from remit.console.show import here, needs, page
from remit.errors import FieldError
from remit.graph.horizon import read_horizon
from remit.keeping.events import pairs
from remit.keeping.rules import WHAT, list_rules, remove_rule, set_rule
from remit.keeping.work import Foreseen, foreseen

router = APIRouter()
READ, WRITE = [needs("settings:read")], [needs("settings:write")]
Typed = Annotated[str, Form()]
PATH = "/settings/retention/data"


@dataclass(frozen=True, slots=True)
class Fields:
    """What the form has, as it was typed."""

    what: str = "interactions"
    kind: str = ""
    channel: str = ""
    lasts: str = ""
    unit: str = "y"


@router.get(PATH, dependencies=READ)
async def keeping(request: Request, what: str = "", kind: str = "", channel: str = "") -> HTMLResponse:
    """With what one of the rules says to be changed, where it is named."""
    typed = Fields()
    for one in await list_rules(here(request).store):
        if one.key == (what, kind, channel):
            typed = Fields(*one.key, *split(one.lasts, "y"))
    return await _page(request, typed, {})


@router.post(PATH, dependencies=WRITE)
async def change(
    request: Request,
    what: Typed = "",
    kind: Typed = "",
    channel: Typed = "",
    lasts: Typed = "",
    unit: Typed = "y",
    sure: Typed = "",
    look: Typed = "",
) -> Response:
    """What it takes away is told first, and kept only by who has seen it: it is for good."""
    typed = Fields(what, kind.strip(), channel.strip(), lasts.strip(), unit)
    store, wrong = here(request).store, dict[str, str]()
    found: Foreseen | None = None
    try:
        age = age_of("lasts", typed.lasts, typed.unit)
        found = await foreseen(store, typed.what, age, typed.kind, typed.channel)
        if found.rows and not sure and not look:
            wrong["sure"] = "See what is taken away for good, and say that you mean it."
        elif not look:
            await set_rule(store, typed.what, age, request.state.who, typed.kind, typed.channel)
            return RedirectResponse(PATH, 303)
    except FieldError as error:
        wrong[error.field] = str(error)
    return await _page(request, typed, wrong, found, 422 if wrong else 200)


@router.post(PATH + "/remove", dependencies=WRITE)
async def remove(request: Request, what: Typed = "", kind: Typed = "", channel: Typed = "") -> Response:
    await remove_rule(here(request).store, what, request.state.who, kind, channel)
    return RedirectResponse(PATH, 303)


async def _page(
    request: Request, typed: Fields, wrong: dict[str, str], found: Foreseen | None = None, status: int = 200
) -> HTMLResponse:
    store = here(request).store
    async with store.pool.connection() as connection:
        there = await pairs(connection, store.workspace)
        horizon = await read_horizon(connection, store.workspace)
    gone = [(*place, until) for place, until in sorted(horizon.gone.items())]
    return page(
        request,
        "keeping.html",
        status,
        rules=await list_rules(store),
        what=WHAT,
        kinds=sorted({kind for kind, _ in there}),
        channels=sorted({channel for _, channel in there}),
        gone=gone,
        holds=sorted(horizon.holds.items()),
        typed=asdict(typed),
        units=UNITS,
        found=found,
        wrong=wrong,
    )
