"""Policy: the rules that hold for every agent and how they came to, what is not asked any more, and how people decide."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from remit.agents.workspace import Workspace, compilable
from remit.away import list_away
from remit.console.show import here, needs, page
from remit.errors import UserError
from remit.examples import Tried, beside, load_examples, try_narrowing
from remit.journal.reviewers import QUICK, list_reviewers
from remit.remembered import forget, list_remembered
from remit.rulebook import differences, version, versions

router = APIRouter(dependencies=[needs("agents:read")])
DAYS = 30  # for which reviewers' figures are shown


@router.get("/policy")
async def policy(request: Request) -> HTMLResponse:
    app = here(request)
    wrong, held, tried = "", Workspace(), list[Tried]()
    try:
        held = await app.rules()
        tried = examples_of(held)
    except UserError as error:
        wrong = str(error)
    return page(
        request,
        "policy.html",
        parts=[(part, [(rule, compilable(rule)) for rule in part.rules]) for part in held.parts or (held,)],
        held=held,
        wrong=wrong,
        tried=tried,
        versions=await versions(app.store, limit=10),
        remembered=await list_remembered(app.store),
        away=await list_away(app.store),
    )


def examples_of(held: Workspace) -> list[Tried]:
    """How the examples beside the file are decided; none where there is no such file."""
    if held.path is None or not (path := beside(str(held.path))).exists():
        return []
    return [try_narrowing(held, example) for example in load_examples(path)]


@router.get("/policy/people")
async def people(request: Request) -> HTMLResponse:
    """How people decide: apart from the rest, since all words of a month are read for it."""
    found = await list_reviewers(here(request).store, timedelta(days=DAYS))
    return page(request, "policy_people.html", people=found, days=DAYS, quick=QUICK)


@router.post("/policy/forget/{id}", dependencies=[needs("policy:write")])
async def forget_one(request: Request, id: int) -> Response:
    await forget(here(request).store, id, request.state.who)
    return RedirectResponse("/policy#remembered", 303)


@router.get("/policy/versions/{id}")
async def one_version(request: Request, id: int) -> HTMLResponse:
    one, before = await version(here(request).store, id)
    changes = differences(before.text if before else "", one.text)
    return page(request, "policy_version.html", version=one, before=before, changes=changes)
