"""`remit retention data`: how long what is known of people is kept."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.keeping.rules import WHAT, age, list_rules, named, read_lasts, remove_rule, set_rule, shown
from remit.keeping.work import Foreseen, foreseen

keeping = group(
    help="How long what is known of people is kept: what happened, its words, people of whom nothing was heard, decisions, contacts, "
    "chats, takeovers, rows set aside, examples of intents. Workers do what is set, from an hour after it was.\n\n"
    "Example: remit retention data set words --kind message --for 2y",
)
What = Annotated[str, typer.Argument(help=f"{', '.join(WHAT)}.", metavar="WHAT")]
Kind = Annotated[
    str,
    typer.Option(help="Of interactions and words, of this kind: page_view; left out: of all without a rule."),
]
Channel = Annotated[str, typer.Option(help="Likewise, on this channel: email.")]


@keeping.command("list")
def list_(as_json: Json = False) -> None:
    """What is set, and when it was applied.

    Example: remit retention data list
    """
    perform(_list(as_json))


@keeping.command("set")
def set_(
    what: What,
    lasts: Annotated[str, typer.Option("--for", help="12h, 90d, 6w, 7y; `never`: it is never taken away.")],
    kind: Kind = "",
    channel: Channel = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would take away now.")] = False,
    as_json: Json = False,
) -> None:
    """Set how long something is kept, in place of what is set; and say what that takes away.

    Examples:

    remit retention data set words --kind message --for 2y --dry-run

    remit retention data set interactions --for 7y

    remit retention data set interactions --kind page_view --for 13w

    remit retention data set people --for 5y --json
    """
    perform(_set(what, lasts, kind, channel, dry_run, as_json))


@keeping.command()
def remove(what: What, kind: Kind = "", channel: Channel = "", as_json: Json = False) -> None:
    """Take a rule back: what it spoke of falls under the next wider one, and is kept for ever without.

    Example: remit retention data remove words --kind message
    """
    perform(_remove(what, kind, channel, as_json))


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_rules(app.store)
    if as_json:
        print_json([shown(one) for one in found])
        return
    if not found:
        console.print(
            "All that is known of people is kept; `remit retention data set words --for 2y` says otherwise."
        )
        return
    table = listing("what", "kept", "last applied", "set by")
    for one in found:
        looked = f"{one.looked_at.astimezone():%d %b %Y %H:%M}" if one.looked_at else "not yet"
        table.add_row(
            named(*one.key), age(one.lasts), Text(looked + (f": {one.why}" if one.why else "")), Text(one.by)
        )
    console.print(table)


async def _set(what: str, lasts: str, kind: str, channel: str, dry_run: bool, as_json: bool) -> None:
    kept = read_lasts(lasts)
    async with open_here() as app:
        found = await foreseen(app.store, what, kept, kind, channel)
        made = None if dry_run else await set_rule(app.store, what, kept, me(), kind, channel)
    if as_json:
        print_json({"dry_run": dry_run, "foreseen": asdict(found), "rule": shown(made) if made else None})
        return
    console.print(Text(f"{named(what, kind, channel)}: kept {age(kept)}. {told(what, found)}"))
    console.print("Nothing was set." if dry_run else "It is first applied in an hour.")


async def _remove(what: str, kind: str, channel: str, as_json: bool) -> None:
    async with open_here() as app:
        await remove_rule(app.store, what, me(), kind, channel)
    if as_json:
        print_json({"what": what, "kind": kind, "channel": channel, "removed": True})
    else:
        console.print(Text(f"{named(what, kind, channel)}: no rule of their own any more"))


def told(what: str, found: Foreseen) -> str:
    """What a rule would take away, as people are told it."""
    count = f"{found.rows:,}{' or more' if found.more else ''}"
    since = f", the oldest of {found.oldest.astimezone():%d %b %Y}" if found.oldest else ""
    return f"Now it would take away {count} ({WHAT[what]}){since}."
