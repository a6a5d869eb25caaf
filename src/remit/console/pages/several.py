"""What is done to several runs at once: first which they are, then, when it is said again, done to each that can be."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from remit.console.pages.runs import DEEDS, do, possible
from remit.console.show import here, needs_of_agent, page
from remit.errors import StaleWriter, UnknownName, UserError
from remit.journal.state import State

router = APIRouter(dependencies=[needs_of_agent("runs:write")])
MOST = 50  # runs of a page


@dataclass(frozen=True, slots=True)
class Picked:
    """One of them, with what became of it: nothing yet where `told` is empty."""

    run: UUID
    state: State
    told: str = ""
    done: bool = False

    @property
    def goal(self) -> str:
        return self.state.started.goal if self.state.started else ""


@router.post("/runs/several")
async def several(request: Request) -> Response:
    form = await request.form()
    deed = str(form.get("deed", ""))
    runs = list(dict.fromkeys(_number(str(one)) for one in form.getlist("run")))
    if deed == "compare":
        if len(runs) != 2:
            raise UserError("tick two runs to compare them")
        return RedirectResponse(f"/compare?a={runs[0]}&b={runs[1]}", 303)
    if deed not in DEEDS:
        raise UnknownName("deed", deed, DEEDS, "the list of runs")
    if not 1 <= len(runs) <= MOST:
        raise UserError(f"tick the runs first, {MOST} at the most")
    picked = [await _picked(request, run, deed) for run in runs]
    sure = form.get("sure") == "1"
    if sure:
        why = str(form.get("why", ""))
        picked = [await _done(request, one, deed, why) if not one.told else one for one in picked]
    return page(request, "several.html", picked=picked, deed=deed, sure=sure)


def _number(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise UserError(f"{text!r} is no run") from error


async def _picked(request: Request, run: UUID, deed: str) -> Picked:
    state = await here(request).state(run)
    can = deed in possible(state)
    return Picked(run, state, "" if can else f"is {state.status}: it is left as it is")


async def _done(request: Request, one: Picked, deed: str, why: str) -> Picked:
    app = here(request)
    try:
        await do(app, one.run, deed, request.state.who, why)
    except (UserError, StaleWriter) as error:
        return Picked(one.run, await app.state(one.run), str(error))
    state = await app.state(one.run)
    return Picked(one.run, state, f"is {state.status}", done=True)
