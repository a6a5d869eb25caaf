"""A new run from any event of an old one: with other instructions, another model or other rules, in earnest or simulated."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from remit.agents.load import parse_rules, rules_text
from remit.agents.spec import Agent
from remit.app import App
from remit.console.show import here, needs_of_agent, page, require
from remit.dispatch import open_dispatch
from remit.errors import Forbidden, RemitError, SpecError, UserError
from remit.forking import Otherwise, Unfit, fork
from remit.journal.events import Event
from remit.journal.window import of_types, single, top_of
from remit.models.registry import AUTO, LOCAL, PROVIDERS
from remit.outfit import agent_at

router = APIRouter(dependencies=[needs_of_agent("runs:write")])
RULES = "rules"  # what the text is called in what is said of its mistakes
MOST = 100_000  # characters of a field
END = -1  # in place of the number of an event


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the form."""

    at: str
    model: str
    instructions: str
    rules: str
    shadow: bool


@dataclass(frozen=True, slots=True)
class Past:
    """The run that is forked, up to an event."""

    run: UUID
    begun: Event
    agent: Agent
    last: int
    event: Event | None  # the one after which it is forked; None: there is none of that number


@router.get("/runs/{prefix}/fork")
async def ask(request: Request, prefix: str, at: int = 0) -> HTMLResponse:
    app = here(request)
    run = await app.find(prefix)
    past = await _past(app, run, at or END)
    return _form(request, past, _as_it_was(past.agent, at or past.last), {})


@router.post("/runs/{prefix}/fork")
async def make(request: Request, prefix: str) -> Response:
    app, typed = here(request), _typed(await request.form())
    run = await app.find(prefix)
    past = await _past(app, run, _number(typed.at))
    try:
        at = _event(typed.at, past.last)
        otherwise = _otherwise(typed, past.agent)
        if otherwise.named:
            require(request, "agents:write")
        new = await fork(app, run, at, otherwise, request.state.who, browser=True)
    except Forbidden:
        raise
    except Unfit as error:
        return _form(request, past, typed, {error.part: str(error)}, 422)
    except _Field as error:
        return _form(request, past, typed, {error.name: str(error)}, 422)
    except RemitError as error:
        return _form(request, past, typed, {"": str(error)}, 422)
    await _go_on(app, new)
    return RedirectResponse(f"/runs/{new}", 303)


async def _past(app: App, run: UUID, at: int) -> Past:
    """Of a run that may be too long to be read whole, what a fork after that event begins with. Raises UserError where there
    is no run."""
    top = await top_of(app.store, run)
    last = top.seq if top else 0
    at = last if at == END else at
    until = at if 0 < at <= last else last
    _, begun = await of_types(app.store, run, 0, until, ("started", "narrowed"), ())
    agent = agent_at(begun)
    shown = await single(app.store, run, [at]) if until == at else []
    return Past(run, begun[0], agent, last, shown[0] if shown else None)


def _number(text: str) -> int:
    """0: it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


class _Field(UserError):
    """A field of the form whose text cannot be read."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(why)
        self.name = name


async def _go_on(app: App, run: UUID) -> None:
    async with open_dispatch(app.root.store) as dispatch:
        await dispatch.enqueue(run)


def _typed(form: FormData) -> Typed:
    at, model, instructions, rules = (
        str(form.get(name, "")).replace("\r\n", "\n")[:MOST]
        for name in ("at", "model", "instructions", "rules")
    )
    return Typed(at.strip(), model.strip(), instructions, rules, form.get("how") != "earnest")


def _as_it_was(agent: Agent, at: int) -> Typed:
    rules = rules_text(agent.rules) if agent.rules else ""
    return Typed(str(at), _model_of(agent), agent.instructions, rules, shadow=True)


def _model_of(agent: Agent) -> str:
    return agent.model if isinstance(agent.model, str) else ", ".join(agent.model)


def _event(text: str, last: int) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= last:
        raise _Field("at", f"write the number of an event, from 1 to {last}")
    return int(text[:9])


def _otherwise(typed: Typed, was: Agent) -> Otherwise:
    """Only what was changed. Raises Unfit for rules that cannot be read."""
    before = _as_it_was(was, 1)
    rules = None
    if typed.rules.strip() != before.rules.strip():
        try:
            rules = parse_rules(typed.rules, RULES) if typed.rules.strip() else ()
        except SpecError as error:
            words = str(error).removeprefix(f"{RULES}:").strip()
            raise Unfit("rules", f"line {words}" if error.line else words) from error
    if not typed.model:
        raise _Field("model", f"name a model, or {AUTO} for the one that is at hand")
    return Otherwise(
        model=typed.model if typed.model != before.model else None,
        instructions=typed.instructions
        if typed.instructions.strip() != before.instructions.strip()
        else None,
        rules=rules,
        shadow=typed.shadow,
    )


def _form(
    request: Request, past: Past, typed: Typed, wrong: dict[str, str], status: int = 200
) -> HTMLResponse:
    values: dict[str, Any] = {
        "run": past.run,
        "started": past.begun.body,
        "last": past.last,
        "event": past.event,
        "typed": typed,
        "wrong": wrong,
        "models": models_at_hand(),
        "may_change": "agents:write" in request.state.rights,
    }
    return page(request, "fork.html", status, **values)


def models_at_hand() -> list[str]:
    """Names to choose from, by what is set up; nothing is asked over a network."""
    return [AUTO, *(one.default for one in PROVIDERS if not one.obstacle(os.environ)), *LOCAL]
