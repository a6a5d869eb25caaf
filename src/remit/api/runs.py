"""Runs: begin, look, steer."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response
from pydantic import AwareDatetime, Field

from remit.api.begin import begin, rules_of
from remit.api.guard import Reads, Served, Writes, documented, require
from remit.api.problems import Refused, at
from remit.api.schemas import (
    Begin,
    Child,
    ChildPage,
    Onward,
    Reason,
    Run,
    RunPage,
    RunRow,
    Sought,
    Status,
    ask_of,
)
from remit.app import App
from remit.dispatch import open_dispatch
from remit.errors import UserError
from remit.forking import Otherwise, Unfit, fork
from remit.gist import waiting
from remit.journal.events import Event
from remit.journal.facts import HAPPENED
from remit.journal.limits import in_line
from remit.journal.search import Wanted, descendants, place, search
from remit.journal.state import State
from remit.journal.window import top_of

router = APIRouter(tags=["runs"])
KEY = r"^[!-~]+$"
Happened = Literal["asked", "rejected", "denied", "acted", "doubt"]
Cost = Annotated[Decimal, Field(ge=0, le=10**9)]
HAPPENINGS = "Only runs in which this happened; repeatable, all of them. " + "; ".join(
    f"`{mark}`: {words}" for mark, words in HAPPENED.items()
)


async def events_of(app: App, run: UUID, after: int = 0) -> list[Event]:
    """Its events; raises Refused where there is no such run, or none any more."""
    events = await app.journal.read(run, after)
    if not events:
        try:
            await app.find(str(run))
        except UserError as error:
            raise Refused(404, str(error)) from error
    return events


async def end_of(app: App, run: UUID) -> int:
    """The number of its last event. Raises Refused where there is no such run."""
    if (top := await top_of(app.store, run)) is None:
        raise Refused(404, f"there is no run {run}")
    return top.seq


async def state_of(app: App, run: UUID) -> State:
    """How it stands, with the calls that it asks about, and no others. Raises Refused."""
    await end_of(app, run)
    async with app.gists.of(run) as gist:
        return await waiting(app.store, gist)


async def run_of(app: App, run: UUID) -> Run:
    """Raises Refused."""
    await end_of(app, run)
    async with app.gists.of(run) as gist:
        state, begun_at = await waiting(app.store, gist), gist.begun_at
    started, finished = state.started, state.finished
    assert started is not None
    assert begun_at is not None
    lines = await in_line(app.store, [run]) if state.status == "running" else {}
    return Run(
        id=run,
        agent=started.agent,
        goal=started.goal,
        person=started.person,
        status=state.status,
        queued=lines.get(run),
        parent=started.parent,
        fork_of=started.fork_of,
        created_at=begun_at,
        events=state.seq,
        steps=state.steps,
        tokens=state.tokens,
        cost=state.spent,
        seconds=round(state.seconds, 3),
        report=finished.report if finished else "",
        output=finished.output if finished else None,
        why=finished.why if finished else "",
        checks=state.checks,
        asks=[ask_of(state, asked) for asked in state.waits.values()],
    )


async def hand_on(app: App, run: UUID) -> Run:
    """Have workers go on with it, and say how it stands."""
    async with open_dispatch(app.root.store) as dispatch:
        await dispatch.enqueue(run)
    return await run_of(app, run)


@router.post("/runs", status_code=201, summary="Begin a run", **documented("runs:write", 400, 409, 429))
async def create_run(
    app: Served,
    caller: Writes,
    wanted: Begin,
    response: Response,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=KEY,
            description="Chosen by you. The same key with the same body within a day is the same run, begun once, however "
            "often you try; with another body it is a conflict. A request that began nothing leaves its key free.",
        ),
    ] = None,
) -> Run:
    """Begin a run. It is handed to the workers and goes on without you: follow it by its events."""
    run, new = await begin(app, caller, wanted, key)
    response.headers["Location"] = f"/api/v1/runs/{run}"
    if not new:
        response.headers["Idempotent-Replayed"] = "true"
    return await run_of(app, run)


@router.get("/runs", summary="List runs", **documented("runs:read"))
async def list_runs(
    app: Served,
    caller: Reads,
    status: Annotated[list[Status], Query(description="Only these; repeatable.")] = [],  # noqa: B006
    agent: Annotated[Sought, Query(description="Only this agent's.")] = "",
    person: Annotated[Sought, Query(description="Only for this person, by e-mail or else by id.")] = "",
    words: Annotated[Sought, Query(description="Each stands somewhere in the goal; six at most count.")] = "",
    since: Annotated[AwareDatetime | None, Query(description="Begun then or later.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Begun earlier.")] = None,
    happened: Annotated[list[Happened], Query(description=HAPPENINGS)] = [],  # noqa: B006
    tool: Annotated[Sought, Query(description="Only runs that used this tool.")] = "",
    min_cost: Annotated[
        Cost | None, Query(description="In US dollars, as all of these: of runs at rest.")
    ] = None,
    max_cost: Annotated[Cost | None, Query(description="In US dollars.")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
    cursor: Annotated[str, Query(max_length=100, description="`next` of the page before.")] = "",
) -> RunPage:
    """The newest first, by page: a page begins where the one before ended, whatever has come meanwhile."""
    try:
        older = place(cursor) if cursor else None
    except UserError as error:
        raise at("?cursor", "is none of ours: send `next` of the page before, or leave it out") from error
    cost = {"least": min_cost, "most": max_cost}
    wanted = Wanted(tuple(status), agent, person, words, since, until, tuple(happened), tool, **cost)
    found = await search(app.store, wanted, older=older, limit=limit)
    rows = [RunRow.model_validate(row, from_attributes=True) for row in found.rows]
    return RunPage(runs=rows, next=str(found.older) if found.older else None)


@router.get("/runs/{run}", summary="See a run", **documented("runs:read", 404))
async def get_run(app: Served, caller: Reads, run: UUID) -> Run:
    """How it stands, what came of it, what it cost, and what it asks."""
    return await run_of(app, run)


@router.get("/runs/{run}/children", summary="See the runs below a run", **documented("runs:read", 404))
async def list_children(app: Served, caller: Reads, run: UUID) -> ChildPage:
    """The runs that it has delegated parts of its goal to, and theirs."""
    await end_of(app, run)
    found = await descendants(app.store, run)
    return ChildPage(
        children=[
            Child(parent=parent, run=RunRow.model_validate(row, from_attributes=True))
            for parent, row in found
        ]
    )


@router.post("/runs/{run}/cancel", summary="End a run", **documented("runs:write", 400, 404, 409))
async def cancel_run(app: Served, caller: Writes, run: UUID, wanted: Reason) -> Run:
    """End a run and its children. What they have done stays done; what was under way is found out."""
    await end_of(app, run)
    await app.cancel(run, caller.who, wanted.why)
    return await run_of(app, run)


@router.post("/runs/{run}/pause", summary="Pause a run", **documented("runs:write", 404, 409))
async def pause_run(app: Served, caller: Writes, run: UUID) -> Run:
    """Stop a run and its children, each at its next event. Paused twice is paused."""
    await end_of(app, run)
    await app.pause(run, caller.who)
    return await run_of(app, run)


@router.post("/runs/{run}/resume", summary="Go on with a run", **documented("runs:write", 404, 409))
async def resume_run(app: Served, caller: Writes, run: UUID) -> Run:
    """Let a run that was paused, and its children, go on with the workers."""
    await end_of(app, run)
    await app.resume(run, caller.who)
    return await hand_on(app, run)


@router.post("/runs/{run}/fork", status_code=201, summary="Fork a run", **documented("runs:write", 400, 404))
async def fork_run(app: Served, caller: Writes, run: UUID, wanted: Onward, response: Response) -> Run:
    """A new run that shares the events of this one up to `at`. What was done before is not repeated, and what comes after is
    new and judged anew."""
    otherwise = Otherwise(wanted.model, wanted.instructions, rules_of(wanted.rules), wanted.shadow)
    if otherwise.named:
        require(caller, "agents:write", f"a fork with other {' and other '.join(otherwise.named)}")
    await end_of(app, run)
    try:
        new = await fork(app, run, wanted.at, otherwise, caller.who, caller.in_browser)
    except Unfit as error:
        raise at(f"/{error.part}", str(error)) from error
    response.headers["Location"] = f"/api/v1/runs/{new}"
    return await hand_on(app, new)
