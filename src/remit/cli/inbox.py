"""`remit inbox`, `approve`, `reject`, `answer`: what waits for a person, and the person's word."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import typer
from rich.table import Table
from rich.text import Text

from remit import settings
from remit.app import App, open_app
from remit.cli.common import Download, Json, Run, console, me, perform, print_json
from remit.cli.family import family
from remit.cli.run import attend, digest, end
from remit.cli.timeline import brief, first_line
from remit.dispatch import open_dispatch
from remit.errors import UserError
from remit.journal.index import list_asks
from remit.journal.state import State

Ask = Annotated[str, typer.Argument(help="Which of several things, as the inbox names it (a2.1).")]
Later = Annotated[bool, typer.Option("--later", help="Only record it; a worker goes on.")]
EVIDENCE = {
    "grant": "in the person's own words",
    "person": "the person's own",
    "record": "in a record",
    "unvouched": "vouched for by nothing: only the model says so",
}


def inbox(as_json: Json = False) -> None:
    """What waits for a person, oldest first: the exact call, and the rule that asks.

    Example: remit inbox --json | jq '.[].call'
    """
    perform(_inbox(as_json))


def approve(
    run: Run,
    ask: Ask = "",
    note: Annotated[str, typer.Option("--note", help="A word for the record.")] = "",
    later: Later = False,
    as_json: Json = False,
) -> None:
    """Say yes, once, to exactly the call that is shown, and let the run go on.

    Examples:

    remit approve last

    remit approve 3f2a a2.1 --note "checked with the warehouse"
    """
    perform(_reply(run, "approve", note, ask, later, as_json))


def reject(
    run: Run,
    ask: Ask = "",
    reason: Annotated[str, typer.Option("--reason", "-r", help="The agent reads it.")] = "",
    later: Later = False,
    as_json: Json = False,
) -> None:
    """Say no; the reason goes to the agent.

    Example: remit reject last --reason "not over the holidays"
    """
    perform(_reply(run, "reject", reason, ask, later, as_json))


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


async def _inbox(as_json: bool) -> None:
    async with open_app(settings.load()) as app:
        asks = await list_asks(app.store)
        rows = []
        for ask in asks:
            state = await app.state(ask.run)
            call = state.calls.get(state.asked[ask.ask_id].call_id)
            judged = call.judged if call else None
            rows.append(
                {
                    "run": ask.run,
                    "ask": ask.ask_id,
                    "kind": ask.kind,
                    "agent": ask.agent,
                    "goal": ask.goal,
                    "call": {"tool": call.call.tool, "args": call.call.args} if call else None,
                    "evidence": judged.evidence if judged else {},
                    "text": ask.text,
                    "since": ask.at,
                    "expires": ask.expires,
                }
            )
    if as_json:
        print_json(rows)
        return
    if not rows:
        console.print("Nothing waits for you.")
        return
    for row in rows:
        _show(row)


def _show(row: dict[str, Any]) -> None:
    """What is asked, for which goal and by which rule, and what to type."""
    run, ask, call, kind = str(row["run"])[:8], row["ask"], row["call"], row["kind"]
    question = kind == "question" and call is not None  # the model's own; others are the run's
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim")
    grid.add_column(overflow="fold")
    grid.add_row(Text(run, "bold not dim"), Text(f"{kind} {ask}", "yellow"))
    since = f", since {row['since'].astimezone():%d %b %H:%M}"
    grid.add_row("goal", Text.assemble(first_line(row["goal"]), (f"  of {row['agent']}{since}", "dim")))
    if call is not None and not question:
        grid.add_row("wants", Text(f"{call['tool']} {brief(call['args'], 2000)}"))
    for argument, level in row["evidence"].items():
        grid.add_row("", Text(f"{argument} is {EVIDENCE.get(level, level)}", "dim"))
    grid.add_row("asks" if question else "why", Text(row["text"]))
    if kind == "question":
        grid.add_row("next", Text(f'remit answer {run} "…" --ask {ask}'))
    if not question:
        grid.add_row(
            "or" if kind == "question" else "next",
            Text(f"remit approve {run} {ask}   or   remit reject {run} {ask} --reason …"),
        )
    console.print(grid)
    console.print()


async def _reply(
    prefix: str,
    decision: Literal["approve", "reject", "answer"],
    text: str,
    ask: str,
    later: bool,
    as_json: bool,
) -> None:
    async with open_app(settings.load(), progress=Download()) as app:
        run = await app.find(prefix)
        asking = await _asking(app, run)
        if decision == "approve":
            _require_approvable(asking, ask)
        assert asking.run is not None
        await app.answer(asking.run, decision, me(), text, ask)
        if later:
            async with open_dispatch(app.store) as dispatch:
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
