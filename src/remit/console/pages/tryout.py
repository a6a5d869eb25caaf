"""Trying an agent beside its form: as the form says now, saved or not, in shadow, with its trace as it comes."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import FormData

from remit.agents.spec import Agent
from remit.api.begin import hand_to_workers
from remit.app import App
from remit.arriving import duration
from remit.brought import came_with, safe_name
from remit.catalogue import kept as store_of
from remit.catalogue import work
from remit.catalogue.trying import shadow_of
from remit.catalogue.work import beyond_a_browser
from remit.console.pages.builder import FIELDS, form_page, read_form
from remit.console.pages.live import fragment
from remit.console.show import ENVIRONMENT, here, needs, page, require
from remit.console.signing import session_of
from remit.console.stream import seen_by, sent, streamed
from remit.console.trying import head, trial
from remit.console.uploads import sent_files, sent_form, taken
from remit.errors import NotWaiting, RemitError, UserError
from remit.feed import Feed
from remit.gate.approval import Decision
from remit.journal.events import Person, Started
from remit.models.model import Message
from remit.models.model import Request as Ask
from remit.outfit import outfit
from remit.tail import TOGETHER, Piece

router = APIRouter(dependencies=[needs("agents:write")])
DECISIONS: dict[str, Decision] = {"approve": "approve", "reject": "reject", "answer": "answer"}


class TriedOn(NamedTuple):
    """What an agent is to be tried on."""

    goal: str
    past: UUID | None  # a run, whose goal it is where none is written
    first: Started | None  # of it


@router.post("/agents/{name}/model")
async def try_model(request: Request, name: str) -> HTMLResponse:
    """Whether a model answers, how fast, and for how much."""
    app, form = here(request), await request.form(max_fields=FIELDS)
    wanted = str(form.get("model", "")).strip() or "auto"
    names = wanted.split(",") if "," in wanted else wanted
    agent = Agent(name="probe", model=names if isinstance(names, str) else tuple(names))
    kept = await store_of.kept(app.store, name)
    before, _ = await work.judged(app, name, kept.text)
    for wrong in beyond_a_browser(app, agent, [before] if before else []):
        return page(request, "model_tried.html", 422, name=name, why=wrong.what, answer=None, seconds=0.0)
    began = time.monotonic()
    try:
        model = await app.model(agent.model)
        question = Message("user", "Say in five words or fewer that you are ready.")
        answer = await model.request(Ask("Answer shortly.", [question], max_tokens=60))
    except RemitError as error:
        return page(request, "model_tried.html", name=name, why=str(error), answer=None, seconds=0.0)
    seconds = time.monotonic() - began
    return page(request, "model_tried.html", name=name, why="", answer=answer, seconds=seconds)


@router.post("/agents/{name}/try", dependencies=[needs("runs:write")])
async def begin(request: Request, name: str) -> Response:
    """Begin a run in shadow of what the form says. Without scripts the draft is saved before, so that it is not lost."""
    app, scripted = here(request), bool(request.headers.get("HX-Request"))
    async with sent_form(request, FIELDS) as form:
        sent = await read_form(app, name, form)
        if sent.wrong and not scripted:
            return await form_page(request, app, name, sent.kept, sent.text, sent.offer, sent.wrong, 422)
        try:
            if sent.wrong:
                raise work.Unusable(sent.wrong)
            if not scripted:
                await store_of.save_draft(app.store, name, sent.text, request.state.who, sent.base)
            waits = str(form.get("waits", ""))
            on = await _tried_on(app, form) if waits != "stop" else None
            if scripted and (shown := await _waits(request, app, name, sent.text, waits)):
                return shown
            run = await _begun(
                app, name, sent.text, form, on or await _tried_on(app, form), request.state.who
            )
        except RemitError as error:
            why = f"Mend this first: {error}" if isinstance(error, work.Unusable) else str(error)
            return page(request, "try_not.html", 422, name=name, why=why)
    if not scripted:
        return RedirectResponse(f"/agents/{name}?try={run}#try", 303)
    return page(request, "try_run.html", **await trial(app, name, run))


async def _waits(request: Request, app: App, name: str, text: str, waits: str) -> Response | None:
    """What is shown until the agent's model is there; None where it is, and nobody had to wait for it."""
    agent, _ = await work.judged(app, name, text)
    assert agent is not None
    arrival = await app.arriving(agent.model, stop=waits == "stop")
    if arrival is None and not waits:
        return None
    stopped = waits == "stop"
    return page(request, "try_wait.html", name=name, arrival=arrival, stopped=stopped, duration=duration)


async def _tried_on(app: App, form: FormData) -> TriedOn:
    """What it is to be tried on. Nobody waits for a model only to read that it is nothing. Raises UserError."""
    goal, past = (str(form.get(key, "")).strip() for key in ("goal", "past"))
    old = await app.find(past) if past else None
    events = await app.journal.read(old) if old else []
    first = events[0].body if events and isinstance(events[0].body, Started) else None
    if not goal and first is None:
        raise UserError("say what it should do, or choose a past run")
    for name, _ in sent_files(form):
        safe_name(name)
    return TriedOn(goal, old, first)


async def _begun(app: App, name: str, text: str, form: FormData, on: TriedOn, who: str) -> UUID:
    """Raises UserError where it cannot be begun."""
    agent, _ = await work.judged(app, name, text)
    assert agent is not None
    old, first = on.past, on.first
    tried = shadow_of(agent, outfit(agent).tools)
    me = Person(id=who, name=who, verified=True)
    async with AsyncExitStack() as opened:
        files = sent_files(form)
        if old is not None and first is not None:
            files += opened.enter_context(came_with(app.settings.data_dir, old, first, files))
        batch = await opened.enter_async_context(taken(app, files))
        if first is None:
            run = await app.start(tried, on.goal, person=me, files=batch)
        else:  # for whom it was, as what they may see is what the agent then saw
            run = await app.start(
                tried,
                on.goal or first.goal,
                person=first.person,
                inputs=first.inputs,
                quoted=first.quoted,
                files=batch,
            )
    await hand_to_workers(app, run)
    return run


@router.get("/agents/{name}/tries/{run}/live", dependencies=[needs("runs:read")])
async def live(request: Request, name: str, run: UUID, after: int = 0) -> Response:
    """Server-sent events of a try: its trace, and how it stands."""
    app = here(request)
    await trial(app, name, run)
    told = sent(
        app,
        session_of(request),
        app.feeds.watched(run),
        seen_by(request, after),
        _fresh,
        partial(_stands, name),
    )
    return streamed(told)


async def _fresh(feed: Feed, seen: int) -> list[Piece]:
    fresh = feed.events[seen : seen + TOGETHER]
    return [Piece(event.seq, feed.fragment(event, fragment)) for event in fresh]


def _stands(name: str, feed: Feed) -> str:
    values = {**head(name, feed.run, feed.state), "oob": True}
    return ENVIRONMENT.get_template("try_head.html").render(values)


@router.post("/agents/{name}/tries/{run}/{ask}")
async def say(request: Request, name: str, run: UUID, ask: str) -> Response:
    """Answer what a try asks. It is a try: whatever is said, nothing is sent or changed."""
    require(request, "approvals:write")
    app, form = here(request), await request.form()
    await trial(app, name, run)
    state = await app.state(run)
    assert state.started is not None
    if state.started.spec.get("remit", {}).get("autonomy") != "shadow":
        raise UserError("this run is no try: what it asks is decided in the inbox")
    decision = DECISIONS.get(str(form.get("decision", "")))
    if decision is None:
        raise UserError("say approve, reject or answer")
    try:
        await app.answer(run, decision, request.state.who, str(form.get("text", "")).strip(), ask)
        await hand_to_workers(app, run)
    except NotWaiting:
        pass  # somebody was first, or it has ended: what is shown now says so
    if not request.headers.get("HX-Request"):
        return RedirectResponse(f"/agents/{name}?try={run}#try", 303)
    return page(request, "try_head.html", **head(name, run, await app.state(run)))
