"""Settings: how long ended runs are kept, what a change of that would take away, and what was taken."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.age import UNITS, parse_age, write_age
from remit.catalogue.kept import list_kept
from remit.console.show import here, needs, page
from remit.errors import FieldError, UserError
from remit.journal.due import Due, policy_of
from remit.retention import COUNTED, foreseen, lately, list_rules, remove_rule, set_rule

router = APIRouter()
READ, WRITE = [needs("settings:read")], [needs("settings:write")]
WORDS = {"d": "days", "w": "weeks", "y": "years", "h": "hours"}
Typed = Annotated[str, Form()]


@dataclass(frozen=True, slots=True)
class Fields:
    """What the form has, as it was typed."""

    agent: str = ""
    archive_after: str = ""
    archive_unit: str = "d"
    delete_after: str = ""
    delete_unit: str = "y"


@router.get("/settings/retention", dependencies=READ)
async def retention(request: Request, agent: str = "") -> HTMLResponse:
    """With what one of the rules says to be changed, where it is named."""
    typed = Fields()
    for one in await list_rules(here(request).store):
        if one.agent == agent and "agent" in request.query_params:
            typed = Fields(agent, *split(one.archive_after, "d"), *split(one.delete_after, "y"))
    return await _page(request, typed, {})


@router.post("/settings/retention", dependencies=WRITE)
async def change(
    request: Request,
    agent: Typed = "",
    archive_after: Typed = "",
    archive_unit: Typed = "d",
    delete_after: Typed = "",
    delete_unit: Typed = "y",
    sure: Typed = "",
    look: Typed = "",
) -> Response:
    """What it takes away is told first, and kept only by who has seen it where that is for good."""
    typed = Fields(agent.strip(), archive_after.strip(), archive_unit, delete_after.strip(), delete_unit)
    wrong: dict[str, str] = {}
    ages = []
    for field, number, unit in (
        ("archive_after", typed.archive_after, typed.archive_unit),
        ("delete_after", typed.delete_after, typed.delete_unit),
    ):
        try:
            ages.append(age_of(field, number, unit))
        except FieldError as error:
            wrong[field] = str(error)
    store = here(request).store
    found: Due | None = None
    try:
        if not wrong:
            found = await foreseen(store, typed.agent, ages[0], ages[1])
            if found.delete and not sure and not look:
                wrong["sure"] = "See what is deleted for good, and say that you mean it."
            elif not look:
                await set_rule(store, typed.agent, ages[0], ages[1], request.state.who)
                return RedirectResponse("/settings/retention", 303)
    except FieldError as error:
        wrong[error.field] = str(error)
    return await _page(request, typed, wrong, found, 422 if wrong else 200)


@router.post("/settings/retention/remove", dependencies=WRITE)
async def remove(request: Request, agent: Typed = "") -> Response:
    await remove_rule(here(request).store, agent, request.state.who)
    return RedirectResponse("/settings/retention", 303)


def age_of(field: str, number: str, unit: str) -> timedelta | None:
    """None for nothing: it is never done. Raises FieldError."""
    if not number:
        return None
    if unit not in UNITS:
        raise FieldError(field, "Choose days, weeks, years or hours.")
    try:
        return parse_age(number + unit)
    except UserError:
        raise FieldError(field, f"{number!r} is no number of {WORDS[unit]}: write 90, or nothing.") from None


def split(age: timedelta | None, unit: str) -> tuple[str, str]:
    if age is None:
        return "", unit
    written = write_age(age)
    return written[:-1], written[-1]


async def _page(
    request: Request, typed: Fields, wrong: dict[str, str], found: Due | None = None, status: int = 200
) -> HTMLResponse:
    app = here(request)
    try:
        machine, amiss = policy_of(app.settings), ""
    except UserError as error:
        machine, amiss = None, str(error)
    return page(
        request,
        "retention.html",
        status,
        rules=await list_rules(app.store),
        done=await lately(app.store),
        agents=[one.name for one in await list_kept(app.store, archived=False)],
        machine=machine,
        amiss=amiss,
        typed=asdict(typed),
        units=WORDS,
        found=found,
        most=COUNTED,
        wrong=wrong,
    )
