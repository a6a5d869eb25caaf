"""A run begun in the browser: of which agent, what it should reach, for whom, what comes with it. A form begins one run, however
often it is sent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError
from pydantic_core import ErrorDetails, from_json
from starlette.datastructures import FormData

from remit.api.begin import begin
from remit.api.guard import Caller, of_session
from remit.api.problems import Refused
from remit.api.schemas import Begin, Whom
from remit.brought import FROM_A_BROWSER
from remit.catalogue.find import list_at_hand
from remit.console.show import here, needs_of_agent, page
from remit.console.uploads import sent_files, sent_form, taken
from remit.errors import FieldError, RemitError

router = APIRouter(dependencies=[needs_of_agent("runs:write")])
ASSERT = "persons:assert"
KEY = r"[0-9a-f]{32}"  # by which a form begins one run
MOST = 200_000  # characters of a field
TEXTS = ("agent", "goal", "person", "inputs", "quoted")
USED = "This form has begun a run already. Sent again, it begins another."


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form."""

    agent: str = ""
    goal: str = ""
    person: str = ""
    inputs: str = ""
    quoted: str = ""
    sure: bool = False  # that it is that person who asks
    shadow: bool = False
    key: str = ""


@router.get("/runs/new")
async def ask(request: Request, agent: str = "") -> HTMLResponse:
    return await _form(request, Typed(agent=agent), {})


@router.post("/runs/new")
async def make(request: Request) -> Response:
    app = here(request)
    async with sent_form(request) as form:
        typed, files = _typed(form), sent_files(form)
        again = [name for name, _ in files]
        if not re.fullmatch(KEY, typed.key):
            cut = "This form was cut off on its way. Look at it, and send it again."
            return await _form(request, typed, {"": cut}, again)
        try:
            async with taken(app, files) as batch:
                run, _ = await begin(app, _caller(request, typed), _wanted(typed), typed.key, batch)
        except ValidationError as error:
            return await _form(request, typed, dict(map(_at, error.errors())), again)
        except FieldError as error:
            return await _form(request, typed, {error.field: str(error)}, again)
        except Refused as error:
            return await _form(request, typed, _said(error), again)
        except RemitError as error:
            return await _form(request, typed, {"": str(error)}, again)
    return RedirectResponse(f"/runs/{run}", 303)


def _caller(request: Request, typed: Typed) -> Caller:
    session = request.state
    asserts = typed.sure and ASSERT in session.rights
    return of_session(session.who, session.access, session.within, session.workspace, asserts=asserts)


def _typed(form: FormData) -> Typed:
    agent, goal, person, inputs, quoted = (
        str(form.get(name, "")).replace("\r\n", "\n")[:MOST].strip() for name in TEXTS
    )
    sure, shadow = form.get("sure") == "1", form.get("how") == "shadow"
    return Typed(agent, goal, person, inputs, quoted, sure, shadow, str(form.get("key", "")))


def _wanted(typed: Typed) -> Begin:
    """Raises FieldError, ValidationError."""
    if not typed.agent:
        raise FieldError("agent", "choose who should do it")
    if not typed.goal:
        raise FieldError("goal", "say what should be reached")
    whom = {"email" if "@" in typed.person else "id": typed.person}
    return Begin(
        agent=typed.agent,
        goal=typed.goal,
        inputs=facts(typed.inputs),
        quoted=typed.quoted,
        person=Whom(**whom) if typed.person else None,
        shadow=typed.shadow,
    )


def facts(text: str) -> dict[str, Any]:
    """`order: W1001`, one a line; a number, true and false are what they are. Raises FieldError."""
    found: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not name or not value:
            raise FieldError(
                "inputs", f"line {number} is no fact: write a name, a colon and a value, as order: W1001"
            )
        if name in found:
            raise FieldError("inputs", f"line {number} says {name} a second time")
        found[name] = _value(value)
    return found


def _value(text: str) -> Any:
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _at(error: ErrorDetails) -> tuple[str, str]:
    """The field that a mistake is in, and what is wrong there."""
    where = str(error["loc"][0])
    return where if where in TEXTS else "person", error["msg"].removeprefix("Value error, ")


def _said(error: Refused) -> dict[str, str]:
    """What is wrong, at the field that it is said of."""
    if any(one.pointer == "header:Idempotency-Key" for one in error.errors):
        return {"key": USED}
    for one in error.errors:
        name = one.pointer.removeprefix("/body").strip("/").partition("/")[0]
        if name in TEXTS:
            return {name: one.detail}
    return {"": error.detail}


async def _form(
    request: Request, typed: Typed, wrong: dict[str, str], again: Sequence[str] = ()
) -> HTMLResponse:
    """With a new key where the one that it had is used up or was lost. `again`: files that are to be chosen once more."""
    known = re.fullmatch(KEY, typed.key) and "key" not in wrong
    return page(
        request,
        "start.html",
        422 if wrong else 200,
        typed=typed if known else replace(typed, key=uuid4().hex),
        wrong=wrong,
        again=again,
        limits=FROM_A_BROWSER,
        agents=[one.agent for one in await list_at_hand(here(request).store)],
        may_assert=ASSERT in request.state.rights,
    )
