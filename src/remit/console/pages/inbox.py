"""Inbox: everything that waits for a person, kept as it is while it is looked at."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, StreamingResponse

from remit.access.roles import Access
from remit.console.asking import Block, Item, Note, became, blocks, key_of, what
from remit.console.pages.people import Pairing, pairs_of
from remit.console.session import holds
from remit.console.show import all_seen, here, needs_of_agent, page, watch_of
from remit.console.signing import session_of
from remit.console.watch import Watch, look
from remit.errors import UserError
from remit.waiting import Waiting, waiting

PAIRS = 3  # of people who may be one, on the inbox's first page
router = APIRouter(dependencies=[needs_of_agent("runs:read")])
PAGE = 30  # things on one page: the journal of each of their runs is read for it


@router.get("/inbox")
async def inbox(request: Request, mine: bool = False, after: str = "") -> HTMLResponse:
    return await listed(request, mine, after)


async def listed(
    request: Request, mine: bool = False, after: str = "", told: Sequence[Note] = ()
) -> HTMLResponse:
    """The whole page; `told`: what came of something that was done on it."""
    app = all_seen(request)
    found = await waiting(app, request.state.who, PAGE + 1, after=_place(after) if after else None)
    more = _named(found[PAGE - 1]) if len(found) > PAGE else ""
    decides = decides_of(request)
    shown = _theirs(found[:PAGE], mine, decides)
    pairs = await _pairs(request, mine) if not after else []
    return page(
        request,
        "inbox.html",
        blocks=blocks(shown, decides),
        seqs={one.row.run: one.state.seq for one in shown},
        mine=mine,
        after=after,
        more=more,
        told=told,
        hidden=len(found[:PAGE]) - len(shown),
        pairs=pairs[:PAIRS],
        more_pairs=len(pairs) > PAIRS,
    )


async def _pairs(request: Request, mine: bool) -> list[Pairing]:
    """Who may be one person, for those who may see people; `mine`: who may say so."""
    right = "persons:write" if mine else "persons:read"
    return await pairs_of(here(request).store, PAIRS + 1) if right in request.state.rights else []


@router.get("/inbox/live")
async def live(request: Request) -> StreamingResponse:
    """How many things wait, told whenever anything about them changes, while whoever watches is signed in."""
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(
        events(watch_of(request), session_of(request)), media_type="text/event-stream", headers=headers
    )


async def events(watch: Watch, token: str) -> AsyncGenerator[str]:
    async with aclosing(watch.follow()) as counts:
        async for count in counts:
            if not await holds(watch.store, token):
                return
            yield ": still here\n\n" if count is None else f"event: asks\ndata: {count}\n\n"


@router.post("/inbox/fresh")
async def fresh(request: Request) -> HTMLResponse:
    """What has changed since the page was made, piece by piece: what a person is typing elsewhere on it stays."""
    app, who, decides = here(request), request.state.who, decides_of(request)
    form = await request.form()
    mine, full = form.get("mine") == "1", form.get("full") == "1"
    have = [_had(str(text)) for text in form.getlist("have")]
    known = {(run, ask): (seq, mark) for run, ask, seq, mark in have}
    now = watch_of(request).asks or await look(app.store)
    changed = {run for (run, ask), (seq, _) in known.items() if now.get((run, ask)) != seq}
    changed |= set() if full else {run for run, ask in now if (run, ask) not in known}
    gone, again, new, blocks_now, seqs = [], [], [], [], {}
    for run in sorted(changed):
        found = _theirs(await waiting(app, who, run=run), mine, decides)
        state = found[0].state if found else await app.state(run)
        seqs[run] = state.seq
        there = {one.row.ask_id: Item(one, decides(one.row.agent)) for one in found}
        for (of, ask), (_, mark) in known.items():
            if of == run and ask not in there and ask not in state.waits:
                gone.append((key_of(run, ask), run, what(state, ask), became(state, ask)))
            elif of == run and ask in there and there[ask].mark != mark:
                again.append(there[ask])
        blocks_now.append(Block(run, tuple(there.values())))
        asks = [item for ask, item in there.items() if (run, ask) not in known]
        if asks and not full:
            new.append(Block(run, tuple(asks)))
    return page(
        request,
        "inbox_fresh.html",
        gone=gone,
        again=again,
        new=new,
        now=blocks_now,
        there=form.getlist("there"),
        have=[(run, ask, seqs[run], mark) for run, ask, _, mark in have if run in seqs],
        again_keys={item.key for item in again},
        gone_keys={key for key, *_ in gone},
        key_of=key_of,
        seqs=seqs,
    )


def decides_of(request: Request) -> Callable[[str], bool]:
    """Whether whoever asks decides anything of what runs of an agent ask."""
    access: Access = request.state.access
    return lambda agent: "approvals:write" in access.on(agent)


def _theirs(found: Sequence[Waiting], mine: bool, decides: Callable[[str], bool]) -> list[Waiting]:
    """Only what somebody may decide themselves, where that is all that they want to see."""
    if not mine:
        return list(found)
    own = (one for one in found if decides(one.row.agent))
    return [one for one in own if not one.barred or (one.asks_in_words and not one.unheard)]


def _named(one: Waiting) -> str:
    return f"{one.row.at.isoformat()} {one.row.run} {one.row.ask_id}"


def _place(text: str) -> tuple[datetime, UUID, str]:
    at, _, rest = text.partition(" ")
    run, _, ask = rest.partition(" ")
    try:
        return datetime.fromisoformat(at), UUID(run), ask
    except ValueError as error:
        raise UserError("this page of the inbox is not known: begin again at its first") from error


def _had(text: str) -> tuple[UUID, str, int, str]:
    run, _, rest = text.partition(" ")
    try:
        seq, mark, ask = rest.split(" ", 2)
        return UUID(run), ask, int(seq), mark
    except ValueError as error:
        raise UserError("what the page says that it shows cannot be read: load it again") from error
