"""`remit audit`: who changed what, and that nothing of it was changed since."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from remit.access.audit import entries
from remit.cli.common import Json, console, group, listing, perform, print_json
from remit.cli.here import open_here
from remit.privacy.chain import seal_all
from remit.privacy.receipt import signer
from remit.privacy.verify import Checked, check

audit = group(
    help="Who changed what beside runs, and the chain that shows whether the audit log or the journal of an ended run was changed "
    "since. Each prints JSON with --json.\n\nExample: remit audit verify",
)


@audit.command("list")
def list_(
    who: Annotated[str, typer.Option(help="Only what this person did.")] = "",
    what: Annotated[str, typer.Option(help="Only of this kind: person, agent.published, ….")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Entries at most.")] = 50,
    as_json: Json = False,
) -> None:
    """The latest changes, newest first.

    Example: remit audit list --what person
    """
    perform(_list(who, what, limit, as_json))


@audit.command("verify")
def verify(as_json: Json = False) -> None:
    """Read the chain and all that it seals: the audit log, journals and archives of ended runs, receipts of erasures. Exit code 1
    where something is not what was sealed.

    Example: remit audit verify
    """
    perform(_verify(as_json))


@audit.command("seal")
def seal(as_json: Json = False) -> None:
    """Seal now what was written since. Workers do so all the time.

    Example: remit audit seal
    """
    perform(_seal(as_json))


async def _list(who: str, what: str, limit: int, as_json: bool) -> None:
    async with open_here() as app:
        found = await entries(app.store, who=who, what=what, limit=limit)
    if as_json:
        print_json(found)
        return
    table = listing("when", "who", "what", "about")
    for one in found:
        table.add_row(f"{one.at.astimezone():%d %b %Y %H:%M}", Text(one.who), one.what, Text(one.about))
    console.print(table)


async def _verify(as_json: bool) -> None:
    async with open_here() as app:
        found = await check(app.store, signer(app.settings).name)
    if as_json:
        print_json({**asdict(found), "sound": found.sound})
    else:
        _tell(found)
    if not found.sound:
        raise typer.Exit(1)


def _tell(found: Checked) -> None:
    for one in found.wrong:
        console.print(Text(f"wrong: {one}", style="bold red"))
    console.print(
        Text(
            f"{'Whole' if found.sound else 'Not whole'}: {found.number:,} links, over {found.audit:,} entries of the audit log, "
            f"{found.runs:,} runs and {found.receipts:,} receipts; {found.erased:,} changed by erasures, {found.deleted:,} deleted "
            f"by a policy, {found.waiting:,} not sealed yet."
        )
    )
    if found.number:
        console.print(
            Text(f"Its end: {found.number} {found.link}. Noted elsewhere, it shows whether that was cut off.")
        )


async def _seal(as_json: bool) -> None:
    async with open_here() as app:
        done = await seal_all(app.store.as_owner())
    print_json({"sealed": done}) if as_json else console.print(f"{done:,} sealed.")
