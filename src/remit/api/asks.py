"""What runs ask people, and the people's words on it. Who says it is whoever the token belongs to, and nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from remit.amending import answer_changed
from remit.api.guard import Approves, Caller, Reads, Served, documented
from remit.api.problems import FieldError, Refused, at, pointer, printable
from remit.api.runs import hand_on, run_of, state_of
from remit.api.schemas import Ask, AskPage, No, Reply, Run, Wider, Yes, ask_of
from remit.app import App
from remit.errors import NotAsChanged, NotWaiting, UserError
from remit.gate.approval import Decision, seal
from remit.journal.events import Asked, Endorsed
from remit.journal.index import list_asks
from remit.journal.search import Place, place
from remit.journal.state import State

router = APIRouter(tags=["approvals"])


@router.get("/asks", summary="List what waits for people", **documented("runs:read"))
async def list_open_asks(
    app: Served,
    caller: Reads,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(max_length=400, description="`next` of the page before.")] = "",
) -> AskPage:
    """What runs ask, the oldest first, each with the exact call and what vouches for its values. What is answered leaves the
    list."""
    states: dict[UUID, State] = {}
    found = []
    rows = await list_asks(app.store, limit + 1, after=_after(cursor) if cursor else None)
    for row in rows[:limit]:
        if row.run not in states:
            states[row.run] = await state_of(app, row.run)
        if asked := states[row.run].waits.get(row.ask_id):  # else answered just now
            found.append(ask_of(states[row.run], asked))
    last = rows[limit - 1] if len(rows) > limit else None
    return AskPage(asks=found, next=last and f"{Place(last.at, last.run)}-{last.ask_id}")


def _after(cursor: str) -> tuple[datetime, UUID, str]:
    """Raises Refused."""
    since, _, rest = cursor.partition("-")
    run, _, ask = rest.partition("-")
    try:
        found = place(f"{since}-{run}")
    except UserError as error:
        raise at("?cursor", "is none of ours: send `next` of the page before, or leave it out") from error
    return found.at, found.run, ask.replace("\x00", "")


@router.get("/runs/{run}/asks/{ask}", summary="See what is asked", **documented("runs:read", 404))
async def get_ask(app: Served, caller: Reads, run: UUID, ask: str) -> Ask:
    """One thing that a run waits for."""
    state = await state_of(app, run)
    return ask_of(state, _open(state, ask))


@router.post(
    "/runs/{run}/asks/{ask}/approve", summary="Say yes", **documented("approvals:write", 400, 404, 409)
)
async def approve(app: Served, caller: Approves, run: UUID, ask: str, wanted: Yes) -> Run:
    """Say yes, once, to exactly what was shown, or to that with `changes`; the run goes on with the workers. Where more people
    must say yes, it waits for them: a call that was changed wants each of them anew."""
    state = await asking(app, run, ask)
    asked = state.waits[ask]
    if asked.kind == "question" and asked.call_id:
        raise Refused(409, f"{ask} is a question: a yes is no answer; POST its text to …/asks/{ask}/answer")
    return await say(app, caller, run, ask, "approve", wanted.note, wanted.digest, wanted.changes)


@router.post(
    "/runs/{run}/asks/{ask}/reject", summary="Say no", **documented("approvals:write", 400, 404, 409)
)
async def reject(app: Served, caller: Approves, run: UUID, ask: str, wanted: No) -> Run:
    """Say no; the agent reads the reason and goes on from there."""
    await asking(app, run, ask)
    return await say(app, caller, run, ask, "reject", wanted.reason)


@router.post(
    "/runs/{run}/asks/{ask}/answer",
    summary="Answer a question",
    **documented("approvals:write", 400, 404, 409),
)
async def answer(app: Served, caller: Approves, run: UUID, ask: str, wanted: Reply) -> Run:
    """Answer what a run wants to know; it goes on with the workers."""
    state = await asking(app, run, ask)
    if state.waits[ask].kind == "approval":
        raise Refused(409, f"{ask} wants a yes or a no: POST to …/asks/{ask}/approve or …/reject")
    return await say(app, caller, run, ask, "answer", wanted.text)


@router.post("/runs/{run}/widen", summary="Let a run do more", **documented("approvals:write", 400, 404, 409))
async def widen(app: Served, caller: Approves, run: UUID, wanted: Wider) -> Run:
    """Let a run use a tool more often than its goal was read to ask for, where its agent freezes a grant. Its rules judge the
    call all the same."""
    state = await state_of(app, run)
    if state.finished is not None or state.grant is None:
        ended = (
            f"has ended: {state.status}" if state.finished else "has no grant: its agent's rules alone decide"
        )
        raise Refused(409, f"run {run} {ended}")
    await app.widen(run, wanted.tool, wanted.times, caller.who)
    return await hand_on(app, run)


def _open(state: State, ask: str) -> Asked:
    """Raises Refused where the run does not ask that, NotWaiting where it does no more."""
    if ask in state.waits:
        return state.waits[ask]
    if ask not in state.asked:
        waits = (
            f"it asks {', '.join(state.waits)}" if state.waits else f"it asks nothing: it is {state.status}"
        )
        raise Refused(404, f"run {state.run} does not ask {ask!r}; {waits}")
    raise Refused(404, f"run {state.run} asks {ask!r} no more; GET /runs/{state.run} says what it asks")


async def asking(app: App, run: UUID, ask: str) -> State:
    """The run, where it asks that now. Raises Refused, NotWaiting."""
    state = await state_of(app, run)
    if changed := state.amended.get(ask):
        raise NotWaiting(f"{ask} of run {run} waits no more: {changed.by} has changed the call")
    if ask in state.asked and ask not in state.waits:
        said = state.replies.get(ask)
        was = f"{said.decision} by {said.by}" if said else f"the run is {state.status}"
        raise NotWaiting(f"{ask} of run {run} waits no more: {was}")
    _open(state, ask)
    return state


async def say(
    app: App,
    caller: Caller,
    run: UUID,
    ask: str,
    decision: Decision,
    text: str,
    digest: str | None = None,
    changes: Mapping[str, Any] | None = None,
) -> Run:
    """A word in the caller's name on what a run asks, which then goes on with the workers; a yes is bound to the `digest` of
    what was shown. `changes`: to the call, before the yes to it. Raises Refused, NotWaiting."""

    def seen(asked: Asked) -> bool:
        return digest is None or digest == seal(asked)

    if digest is not None and not seen((await state_of(app, run)).asked[ask]):
        what = f"{ask} of run {run} asks for something else: GET /runs/{run}/asks/{ask}, and send the digest that it has"
        raise Refused(409, what, [FieldError(pointer="/digest", detail="is not of what is asked")])
    try:
        if changes:
            said = await answer_changed(app, run, caller.who, changes, text, ask, seen)
        else:
            said = await app.answer(run, decision, caller.who, text, ask, seen)
    except NotWaiting:
        raise
    except NotAsChanged as error:
        wrong = [
            FieldError(pointer=pointer(("body", "changes", name)), detail=printable(one))
            for name, one in error.fields.items()
        ]
        raise Refused(
            422, str(error), wrong or [FieldError(pointer="/changes", detail="denied so")]
        ) from error
    except UserError as error:  # it is asked, and may be said; but not by them
        raise Refused(403, str(error)) from error
    return await (run_of if isinstance(said, Endorsed) else hand_on)(app, run)
