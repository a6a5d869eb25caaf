"""`remit inbox`, `approve`, `reject`, `answer`: what waits for a person, and the person's word."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from rich.table import Table

from remit import settings
from remit.app import open_app
from remit.cli.common import Download, console, me, perform, print_json
from remit.cli.run import attend, end
from remit.cli.timeline import brief, first_line
from remit.dispatch import open_dispatch
from remit.journal.index import list_asks

Run = Annotated[str, typer.Argument(help="The run's id, its beginning, or `last`.")]
Ask = Annotated[str, typer.Argument(help="Which of several things, as the inbox names it (a2.1).")]
Later = Annotated[bool, typer.Option("--later", help="Only record it; a worker goes on.")]
Json = Annotated[bool, typer.Option("--json")]


def inbox(as_json: Json = False) -> None:
    """What waits for a person, oldest first: the exact call, and the rule that asks."""
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
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for column in ("run", "what", "asked for", "exactly", "why"):
        table.add_column(column)
    for row in rows:
        wanted = row["call"]
        exact = f"{wanted['tool']} {brief(wanted['args'], 300)}" if isinstance(wanted, dict) else ""
        goal = first_line(str(row["goal"]))
        table.add_row(str(row["run"])[:8], f"{row['kind']} {row['ask']}", goal, exact, str(row["text"]))
    console.print(table)
    console.print(
        "\nnext: remit approve RUN   or   remit reject RUN --reason …   or   remit answer RUN …", style="dim"
    )


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
        await app.answer(run, decision, me(), text, ask)
        if later:
            async with open_dispatch(app.store) as dispatch:
                await dispatch.enqueue(run)
            console.print(f"recorded; a worker goes on with {run}")
            return
        state = await attend(app, run, quiet=as_json)
    end(state, as_json)
