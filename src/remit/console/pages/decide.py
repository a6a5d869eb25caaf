"""What a person does in the inbox: each a form of its own, each bound to what the page showed, each answered in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.datastructures import FormData

from remit.amending import answer_changed
from remit.app import App
from remit.console.asking import DONE, Block, Item, Note, bare, became, blocks, key_of, what
from remit.console.changing import changes, sent
from remit.console.pages.inbox import listed
from remit.console.show import here, needs_of_agent, page
from remit.dispatch import open_dispatch
from remit.errors import NotAsChanged, NotWaiting, UserError
from remit.gate.approval import Decision, seal
from remit.journal.events import Asked, Endorsed, Replied
from remit.steering import Standing
from remit.waiting import waiting

router = APIRouter(dependencies=[needs_of_agent("approvals:write")])
DECISIONS: dict[str, Decision] = {"approve": "approve", "reject": "reject", "answer": "answer"}

UNSAID = "the page did not say what it showed: load it again"


@router.post("/inbox/{run}")
async def every(request: Request, run: UUID) -> HTMLResponse:
    """Say the same to all calls of a run that were shown; each that may not be decided by that says why."""
    app, who, form = here(request), request.state.who, await request.form()
    pairs = [str(text).partition(" ") for text in form.getlist("shown")]
    seen = {ask: seal for seal, _, ask in pairs}
    decision = _decision(form)
    if not seen:
        raise UserError(UNSAID)
    told: dict[str, Note] = {}
    try:
        said = await app.answer_all(
            run, decision, who, _text(form, "text"), lambda asked: seen.get(asked.ask_id) == seal(asked)
        )
        told = {body.ask_id: _said(body) for body in said}
        await _go_on(app, run)
    except UserError as error:
        told = {ask: Note(_words(error, ask), "bad") for ask in seen}
    state = await app.state(run)
    if not request.headers.get("HX-Request"):
        notes = [Note(f"{what(state, ask)}: {note.text}", note.tone) for ask, note in told.items()]
        return await listed(request, told=notes)
    left = {item.ask: item for block in blocks(await waiting(app, who, run=run)) for item in block.items}
    gone = [
        (key_of(run, ask), run, what(state, ask), note if note and note.tone != "bad" else became(state, ask))
        for ask in seen
        for note in (told.get(ask),)
        if ask not in left and ask in state.asked
    ]
    block = Block(run, tuple(left.values())) if left else None
    return page(request, "inbox_block.html", block=block, gone=gone, told=told, seq=state.seq)


@router.post("/inbox/{run}/{ask}")
async def decide(request: Request, run: UUID, ask: str) -> HTMLResponse:
    """Approve, reject or answer."""
    app, who, form = here(request), request.state.who, await request.form()
    decision, text = _decision(form), _text(form, "text")
    try:
        if decision == "approve":
            await _require_approvable(app, run, ask)
        if decision == "answer" and not text:
            raise UserError("the answer is empty: write one")
        note = _said(await app.answer(run, decision, who, text, ask, _seen(form)))
        await _go_on(app, run)
    except UserError as error:
        note = Note(_words(error, ask), "bad")
    return await _after(request, run, ask, note)


@router.post("/inbox/{run}/{ask}/change")
async def change(request: Request, run: UUID, ask: str) -> HTMLResponse:
    """Approve the call as it was changed. What cannot be had so is said at its field, and all that was typed is kept."""
    app, who, form = here(request), request.state.who, await request.form()
    typed, wrong = sent(form), dict[str, str]()
    try:
        state = await app.state(run)
        asked = state.waits.get(ask)
        call = state.calls.get(asked.call_id) if asked else None
        values = changes(state, call, typed) if call else {}
        said = await answer_changed(app, run, who, values, _text(form, "text"), ask, _seen(form))
        note, typed = _said(said, bool(values)), {}
        await _go_on(app, run)
    except UserError as error:
        wrong = error.fields if isinstance(error, NotAsChanged) else {}
        note = Note(
            "Nothing was decided: look at what is wrong below" if wrong else _words(error, ask), "bad"
        )
    return await _after(request, run, ask, note, typed=typed, wrong=wrong)


@router.post("/inbox/{run}/{ask}/remember")
async def remember(request: Request, run: UUID, ask: str) -> HTMLResponse:
    """Approve, and be asked no more where it is the same: first what that is, then, when it is said again, done."""
    app, who, form = here(request), request.state.who, await request.form()
    wanted = [str(name) for name in form.getlist("same")]
    wanted += [
        f"{name.removeprefix('most:')}<={str(most).strip()}"
        for name, most in form.items()
        if name.startswith("most:") and str(most).strip()
    ]
    would: Standing | None = None
    try:
        if form.get("sure") == "1":
            kept = await app.answer_and_remember(run, who, wanted, "", ask, _seen(form))
            await _go_on(app, run)
            note = Note(
                f"You approved it, and {kept.agent} asks no more about {kept.words} (remembered {kept.id})"
            )
        else:
            would = await app.would_remember(run, who, wanted, ask)
            note = Note("Not decided yet: look at what will not be asked any more", "wait")
    except UserError as error:
        note = Note(_words(error, ask).replace("--remember names", "tick"), "bad")
    return await _after(request, run, ask, note, would, wanted)


@router.post("/inbox/{run}/{ask}/delegate")
async def delegate(request: Request, run: UUID, ask: str) -> HTMLResponse:
    """Let another decide in one's place; nobody any more where no name is given."""
    app, who, form = here(request), request.state.who, await request.form()
    try:
        handed = await app.hand_over(run, who, _text(form, "to"), ask)
        words = f"{handed.to} may decide it in your place" if handed.to else "It is yours alone again"
        note = Note(words)
    except UserError as error:
        note = Note(_words(error, ask), "bad")
    return await _after(request, run, ask, note)


async def _after(
    request: Request,
    run: UUID,
    ask: str,
    note: Note,
    would: Standing | None = None,
    wanted: list[str] | None = None,
    typed: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """What is to be seen in place of what was decided on: itself where it still waits, else what became of it."""
    app = here(request)
    state = await app.state(run)
    about = what(state, ask)
    there = [one for one in await waiting(app, request.state.who, run=run) if one.row.ask_id == ask]
    found = [Item(one, sent=typed or None, wrong=wrong) for one in there]
    if not request.headers.get("HX-Request") and would is None and not (typed and found):
        return await listed(request, told=[Note(f"{about}: {note.text}", note.tone)])
    status = 409 if note.tone == "bad" else 200
    if found:
        return page(
            request,
            "inbox_item.html",
            status,
            item=found[0],
            note=note,
            would=would,
            wanted=wanted or [],
            seq=state.seq,
            whole=not request.headers.get("HX-Request"),
        )
    told = note if note.tone != "bad" else became(state, ask)
    return page(request, "inbox_gone.html", status, gone=(key_of(run, ask), run, about, told))


async def _go_on(app: App, run: UUID) -> None:
    """Have a worker advance it. Where this process dies before, the next sweep finds the run."""
    async with open_dispatch(app.root.store) as dispatch:
        await dispatch.enqueue(run)


async def _require_approvable(app: App, run: UUID, ask: str) -> None:
    """A yes is no answer to what the model wants to know."""
    state = await app.state(run)
    asked = state.waits.get(ask)
    if asked is not None and asked.kind == "question" and asked.call_id:
        raise UserError("that is a question: write an answer")


def _said(body: Replied | Endorsed, changed: bool = False) -> Note:
    if isinstance(body, Endorsed):
        what = "Your change and your yes to it are" if changed else "Your yes is"
        return Note(f"{what} recorded; it is not enough alone", "wait")
    if body.decision == "reject":
        return Note("You rejected it" + (f": {body.text}" if body.text else ""), "off")
    return Note(
        f"You{' changed and' if changed else ''} {DONE[body.decision]} it"
        + (f": {body.text}" if body.text else "")
    )


def _words(error: UserError, ask: str) -> str:
    words = bare(str(error), ask)
    return f"Too late: {words}" if isinstance(error, NotWaiting) else f"Nothing was decided: {words}"


def _decision(form: FormData) -> Decision:
    decision = DECISIONS.get(str(form.get("decision", "")))
    if decision is None:
        raise UserError("say approve, reject or answer")
    return decision


def _seen(form: FormData) -> Callable[[Asked], bool]:
    """What the page showed. A word on nothing that was shown is none."""
    if not (seen := _text(form, "seen")):
        raise UserError(UNSAID)
    return lambda asked: seal(asked) == seen


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, "")).strip()
