"""`remit inbox`, `approve`, `reject`, `answer`: what waits for a person, and the person's word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

import typer
from rich.text import Text

from remit.amending import NOT_FOR_GOOD, answer_changed, assigned
from remit.app import App
from remit.cli.asks import blocks
from remit.cli.common import EXIT, Download, Json, Run, console, me, perform, print_json
from remit.cli.here import open_here
from remit.cli.run import attend, digest, end
from remit.dispatch import open_dispatch
from remit.errors import UserError
from remit.family import family
from remit.gate.approval import endorsed_of, missing, needs, terms_of
from remit.gate.unseen import shown
from remit.journal.events import Endorsed, Replied
from remit.journal.refs import given
from remit.journal.state import State
from remit.said import brief
from remit.waiting import MOST, as_data, waiting

Ask = Annotated[str, typer.Argument(help="Which of several things, as the inbox names it (a2.1).")]
Later = Annotated[bool, typer.Option("--later", help="Only record it; a worker goes on.")]
DECIDED = {"approve": "approved", "reject": "rejected", "answer": "answered"}
Every = Annotated[bool, typer.Option("--all", help="Every call that the run asks about now.")]


def inbox(
    person: Annotated[str, typer.Option("--for", help="Only what this person may say yes to.")] = "",
    as_json: Json = False,
) -> None:
    """What waits for a person, the oldest first: for each run the calls that it asks about, and for each value what
    vouches for it or where it was read, the rule that asks, and what to type.

    Examples:

    remit inbox --json | jq '.[].call'

    remit inbox --for bo@shop.example
    """
    perform(_inbox(person, as_json))


def approve(
    run: Run,
    ask: Ask = "",
    note: Annotated[str, typer.Option("--note", help="A word for the record.")] = "",
    every: Every = False,
    remember: Annotated[
        list[str] | None,
        typer.Option(
            "--remember", help="Ask no more where this is the same: `to`, `amount<=50`; repeatable."
        ),
    ] = None,
    changed: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change an argument first: `amount=20`, `to=`; repeatable."),
    ] = None,
    later: Later = False,
    as_json: Json = False,
) -> None:
    """Say yes, once, to exactly the call that is shown, and let the run go on. With --set to the call as you change it, which
    is judged anew: what the rules deny then is said, and waits as it was. With --remember also to later calls of that
    agent and tool that the same rule asks about and that are alike in what you name; `remit forget` ends that.

    Examples:

    remit approve last

    remit approve 3f2a a2.1 --note "checked with the warehouse"

    remit approve 3f2a --all

    remit approve 3f2a a2.1 --set amount=20 --set "text=See you on Monday."

    remit approve 3f2a a2.1 --remember to --remember "amount<=50"
    """
    perform(_reply(run, "approve", note, ask, later, as_json, every, remember or (), changed or ()))


def reject(
    run: Run,
    ask: Ask = "",
    reason: Annotated[str, typer.Option("--reason", "-r", help="The agent reads it.")] = "",
    every: Every = False,
    later: Later = False,
    as_json: Json = False,
) -> None:
    """Say no; the reason goes to the agent.

    Example: remit reject last --reason "not over the holidays"
    """
    perform(_reply(run, "reject", reason, ask, later, as_json, every))


def answer(
    run: Run,
    text: Annotated[str, typer.Argument(help="Your answer.")],
    ask: Annotated[str, typer.Option("--ask", help="Which of several questions.")] = "",
    later: Later = False,
    as_json: Json = False,
) -> None:
    """Answer a question of a run.

    Example: remit answer last "the blue one"
    """
    perform(_reply(run, "answer", text, ask, later, as_json))


async def _inbox(person: str, as_json: bool) -> None:
    async with open_here() as app:
        found = await waiting(app, person or me(), theirs=bool(person))
    if as_json:
        print_json([as_data(one) for one in found])
        return
    if not found:
        console.print(f"Nothing waits for {person or 'you'}.")
        return
    for block in blocks(found):
        console.print(block)
    if len(found) >= MOST:
        console.print(f"The oldest {MOST} are shown; there may be more.", style="dim")


async def _reply(
    prefix: str,
    decision: Literal["approve", "reject", "answer"],
    text: str,
    ask: str,
    later: bool,
    as_json: bool,
    every: bool = False,
    remember: Sequence[str] = (),
    changed: Sequence[str] = (),
) -> None:
    if changed and (every or remember):
        other = "--all: name the one call" if every else f"--remember: {NOT_FOR_GOOD}"
        raise UserError(f"--set does not go with {other}")
    if every and (ask or remember):
        raise UserError(f"either --all, or {ask or 'a call to remember'} alone")
    async with open_here(Download()) as app:
        run = await app.find(prefix)
        asking = await _asking(app, run)
        if decision == "approve" and not (every or remember):
            _require_approvable(asking, ask)
        assert asking.run is not None
        if remember:
            kept = await app.answer_and_remember(asking.run, me(), remember, text, ask)
            said: list[Replied | Endorsed] = []
            if not as_json:
                console.print(Text(f"{kept.name}; `remit forget {kept.id}` ends that", "green"))
        elif changed:
            values = assigned(asking, ask, changed)
            said = [await answer_changed(app, asking.run, me(), values, text, ask)]
        elif every:
            said = await app.answer_all(asking.run, decision, me(), text)
        else:
            said = [await app.answer(asking.run, decision, me(), text, ask)]
        partial = [body for body in said if isinstance(body, Endorsed)]
        if not as_json and (every or partial):
            _tell(await app.state(asking.run), said)
        if partial and len(partial) == len(said):  # nothing to go on with: others must say yes, too
            if as_json:
                print_json(digest(await app.state(asking.run)))
            raise typer.Exit(EXIT["waiting"])
        if later:
            async with open_dispatch(app.root.store) as dispatch:
                await dispatch.enqueue(asking.run)
            if as_json:
                print_json(digest(await app.state(run)))
            else:
                console.print(f"recorded; a worker goes on with {run}")
            return
        state = await attend(app, run, quiet=as_json)
    end(state, as_json)


async def _asking(app: App, run: UUID) -> State:
    """The run that is meant: itself, or the one child that waits where it only waits for its children."""
    first, *others = await family(app, run)
    asking = [member.state for member in others if member.state.waits]
    return asking[0] if not first.state.waits and len(asking) == 1 else first.state


def _require_approvable(state: State, ask: str) -> None:
    """A yes is no answer to what the model wants to know. Raises UserError saying what is."""
    waiting = [asked for asked in state.waits.values() if ask in ("", asked.ask_id)]
    if len(waiting) == 1 and waiting[0].kind == "question" and waiting[0].call_id:
        asked, short = waiting[0], str(state.run)[:8]
        raise UserError(
            f'{asked.ask_id} is a question, "{asked.text}": remit answer {short} "…" --ask {asked.ask_id}'
        )


def _tell(state: State, said: Sequence[Replied | Endorsed]) -> None:
    """What was said to each call, by itself, as it was asked."""
    for body in said:
        asked = terms_of(state, state.asked[body.ask_id])
        call = state.calls.get(asked.call_id)
        what = shown(f"{call.call.tool} {brief(given(state, call), 200)}") if call else ""
        if isinstance(body, Endorsed):
            left = missing(asked, endorsed_of(call, asked))
            console.print(Text(f"endorsed {body.ask_id} {what}: {left} ({needs(asked)})", "yellow"))
        else:
            console.print(Text(f"{DECIDED[body.decision]} {body.ask_id} {what}"))
