"""`remit tools`: what there is to work with, and which tools of others a person has read and pinned."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from remit import settings
from remit.cli import catalog
from remit.cli.common import Json, console, group, perform, print_json
from remit.connections.pinning import Change, Seen, look, pin
from remit.errors import UserError
from remit.gate.unseen import shown


class _ListFirst(TyperGroup):
    """`remit tools 'files.*'` is `remit tools list 'files.*'`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = ["list", *args]
        return super().parse_args(ctx, args)


tools = group(
    cls=_ListFirst,
    help="The tools, with their effects; and the tools of MCP servers, which are used once a person has read and pinned "
    "them.\n\nExample: remit tools 'files.*' --json\n\nExample: remit tools pin desk.yaml",
)
tools.command("list")(catalog.tools)


@tools.command("pin")
def pin_(
    file: Annotated[Path, typer.Argument(help="The agent's file.")],
    connection: Annotated[str, typer.Option(help="Only this connection's tools.")] = "",
    diff: Annotated[
        bool, typer.Option("--diff", help="Only show what differs; exit code 1 if anything does.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="You have read them: do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Show which tools an agent's MCP servers offer, with every word that its model will read of them, and pin those by
    their hash, in the lock file beside the agent's. A tool that differs from what is pinned is neither offered nor called.

    Example: remit tools pin desk.yaml

    Example: remit tools pin desk.yaml --diff
    """
    perform(_pin(file, connection, diff, yes, as_json))


async def _pin(file: Path, connection: str, diff: bool, yes: bool, as_json: bool) -> None:
    seen = await look(file, settings.load(), connection)
    differs = any(one.differs for one in seen)
    if not as_json:
        for one in seen:
            _show(one)
    written = ""
    if differs and not diff:
        if not yes:
            _confirm()
        written = str(pin(file, seen))
    if as_json:
        print_json({"pinned": written, "connections": [_data(one) for one in seen]})
    elif not differs:
        console.print("Everything is as it is pinned.")
    elif written:
        count = sum(len(one.now.tools) for one in seen)
        console.print(Text(f"pinned: {count} tools in {written}"))
    if diff and differs:
        raise typer.Exit(1)


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise UserError("nothing is pinned: read what is shown, then say --yes")
    if not typer.confirm("Pin these? Your agent's model reads these words, and these tools are called."):
        raise typer.Exit(1)


def _show(one: Seen) -> None:
    console.print(Text(f"{one.connection}: {shown(str(one.now.server))}", "bold"))
    if one.pinned.tools and one.pinned.server != one.now.server:
        console.print(Text(f"  was pinned as {shown(str(one.pinned.server))}", "yellow"))
    for change in one.changes:
        _show_change(one.connection, change)
    for name, why in one.refused.items():
        console.print(Text(f"  ✗ {shown(name)}: cannot be pinned: {why}", "red"))


def _show_change(connection: str, change: Change) -> None:
    mark = {"new": "+", "changed": "~", "gone": "-"}[change.kind]
    console.print(Text(f"  {mark} {shown(change.tool)} ({change.kind})"))
    if change.kind == "changed":
        console.print(Text("\n".join(f"      {shown(line)}" for line in change.diff.splitlines())))
    elif change.now is not None:
        console.print(Text("\n".join(f"      {shown(line)}" for line in change.now.text().splitlines())))


def _data(one: Seen) -> dict[str, Any]:
    changes = [
        {
            "tool": change.tool,
            "is": change.kind,
            "pinned": change.before.sha256 if change.before else None,
            "now": change.now.sha256 if change.now else None,
            "diff": change.diff,
        }
        for change in one.changes
    ]
    servers = {"server": one.now.server.model_dump(), "pinned_server": one.pinned.server.model_dump()}
    return {"connection": one.connection, **servers, "changes": changes, "refused": dict(one.refused)}
