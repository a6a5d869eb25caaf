"""`remit retention`: how long ended runs of a workspace are kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from remit.age import read_age
from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.cli.keeping import keeping
from remit.journal.due import Due
from remit.retention import COUNTED, Rule, foreseen, list_rules, remove_rule, said, set_rule

retention = group(
    help="How long ended runs of the workspace, or of one of its agents, are kept. Workers do what is set, from an hour after it "
    "was; `remit retain` archives and deletes at once. `remit retention data` is of what is known of people. Each prints JSON with --json.\n\n"
    "Example: remit retention set --archive-after 90d --delete-after 7y",
)
retention.add_typer(keeping, name="data")
Agent = Annotated[
    str, typer.Option(help="Of this agent's runs; left out: of all that have no rule of their own.")
]


@retention.command("list")
def list_(as_json: Json = False) -> None:
    """What is set, and when it was applied.

    Example: remit retention list
    """
    perform(_list(as_json))


@retention.command("set")
def set_(
    archive_after: Annotated[
        str, typer.Option(help="Since a run ended: 12h, 90d, 6w, 7y; left out: never.")
    ] = "",
    delete_after: Annotated[str, typer.Option(help="Later than that, as 7y; left out: never.")] = "",
    agent: Agent = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would take away now.")] = False,
    as_json: Json = False,
) -> None:
    """Set how long runs are kept, in place of what is set; and say what that takes away.

    Examples:

    remit retention set --archive-after 90d --delete-after 7y --dry-run

    remit retention set --agent support --json      (all runs of support are kept)
    """
    perform(_set(archive_after, delete_after, agent, dry_run, as_json))


@retention.command()
def remove(agent: Agent = "", as_json: Json = False) -> None:
    """Take a rule back: runs of an agent are kept as all others, and those without a rule for ever.

    Example: remit retention remove --agent support
    """
    perform(_remove(agent, as_json))


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_rules(app.store)
    if as_json:
        print_json([_shown(one) for one in found])
        return
    if not found:
        console.print("Every run is kept; `remit retention set --archive-after 90d` says otherwise.")
        return
    table = listing("runs of", "archived after", "deleted after", "last applied", "set by")
    for one in found:
        ages = said(one.archive_after, one.delete_after)
        looked = f"{one.looked_at.astimezone():%d %b %Y %H:%M}" if one.looked_at else "not yet"
        looked += f", {one.kept} kept: {one.why}" if one.kept else f", stopped: {one.why}" if one.why else ""
        table.add_row(Text(one.agent or "all others"), *ages.values(), Text(looked), Text(one.by))
    console.print(table)


async def _set(archive_after: str, delete_after: str, agent: str, dry_run: bool, as_json: bool) -> None:
    ages = (read_age("archive_after", archive_after), read_age("delete_after", delete_after))
    async with open_here() as app:
        found = await foreseen(app.store, agent, *ages)
        made = None if dry_run else await set_rule(app.store, agent, *ages, me())
    if as_json:
        print_json({"dry_run": dry_run, "foreseen": asdict(found), "rule": _shown(made) if made else None})
        return
    words = said(*ages)
    console.print(
        Text(
            f"{agent or 'all other agents'}: archive after {words['archive_after']}, delete after "
            f"{words['delete_after']}. {_told(found)}"
        )
    )
    console.print("Nothing was set." if dry_run else "It is first applied in an hour.")


async def _remove(agent: str, as_json: bool) -> None:
    async with open_here() as app:
        await remove_rule(app.store, agent, me())
    if as_json:
        print_json({"agent": agent, "removed": True})
    else:
        console.print(Text(f"{agent or 'all other agents'}: no rule of their own any more"))


def _told(found: Due) -> str:
    def counted(number: int) -> str:
        return f"{COUNTED} or more" if number >= COUNTED else str(number)

    since = f", the oldest of {found.oldest.astimezone():%d %b %Y}" if found.oldest else ""
    files = ", with the files in their folders" if found.delete else ""
    return f"Now it would archive {counted(found.archive)} runs{since}, and delete {counted(found.delete)}{files}."


def _shown(rule: Rule) -> dict[str, Any]:
    return {**asdict(rule), **said(rule.archive_after, rule.delete_after)}
