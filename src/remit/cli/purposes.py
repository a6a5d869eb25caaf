"""`remit graph purpose`: what is known of people and may not be used for everything."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.gate.purposes import told
from remit.graph.purposes import list_limits, remove_limit, set_limit

purpose = group(
    help="What of people may not be used for everything: said by field, and held by the gate, by the tools that look at people, and where "
    "something is decided. What nobody limits may be used for all.\n\n"
    'Example: remit graph purpose set kind.message --for service --because "they wrote for help"',
)
Name = Annotated[
    str,
    typer.Argument(
        metavar="FIELD",
        help="about.KEY, kind.KIND, channel.CHANNEL, known.NAME (what decisions know of people), account.KEY, or relation.KIND.",
    ),
]


@purpose.command("set")
def set_(
    name: Name,
    purposes: Annotated[
        list[str], typer.Option("--for", help="A purpose that it may be used for; again for several.")
    ],
    because: Annotated[str, typer.Option(help="Why, for whoever looks at it later.")],
    as_json: Json = False,
) -> None:
    """Let something be used for these purposes and no other, from the next call on.

    Example: remit graph purpose set about.health --for service --for fraud --because "taken for claims"
    """
    perform(_set(name, purposes, because, as_json))


@purpose.command("list")
def list_(as_json: Json = False) -> None:
    """What is limited, to what, and why.

    Example: remit graph purpose list
    """
    perform(_list(as_json))


@purpose.command("remove")
def remove(name: Name, as_json: Json = False) -> None:
    """Let it be used for everything again.

    Example: remit graph purpose remove about.health
    """
    perform(_remove(name, as_json))


async def _set(name: str, purposes: list[str], because: str, as_json: bool) -> None:
    async with open_here() as app:
        made = await set_limit(app.store, name, purposes, because, me())
    if as_json:
        print_json(asdict(made))
    else:
        console.print(Text(f"{made.field} may be used for {told(made.purposes)}, and nothing else."))


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_limits(app.store)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        console.print("All that is known of people may be used for everything.")
        return
    table = listing("field", "for", "because", "by")
    for one in found:
        table.add_row(*(Text(each) for each in (one.field, told(one.purposes), one.because, one.by)))
    console.print(table)


async def _remove(name: str, as_json: bool) -> None:
    async with open_here() as app:
        await remove_limit(app.store, name, me())
    if as_json:
        print_json({"removed": name})
    else:
        console.print(Text(f"{name} may be used for everything again."))
