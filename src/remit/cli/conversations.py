"""`remit conversations`: read what people write and agents answer, and talk in an agent's place."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from uuid import uuid4

import typer
from rich.text import Text

from remit import talking
from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.gate.unseen import shown
from remit.graph.people import find
from remit.talks.found import lines_of, talk_of
from remit.talks.kept import last_of
from remit.talks.listed import list_talks

conversations = group(
    help="What people write in chats, by mail, SMS and WhatsApp, and agents answer; taken over by a colleague and handed back. Each prints "
    "JSON with --json.\n\nExample: remit conversations list",
)
Which = Annotated[str, typer.Argument(help="As `remit conversations list` names it: chat:… or run:….")]


@conversations.command("list")
def list_(
    search: Annotated[
        str, typer.Option(help='Where all of these words were said; "in this order", -without, or.')
    ] = "",
    person: Annotated[str, typer.Option(help="Only theirs: an address, a number, kind:value.")] = "",
    as_json: Json = False,
) -> None:
    """Those that can be taken over, the last first.

    Example: remit conversations list --search "refund -shoes"
    """
    perform(_list(search, person, as_json))


@conversations.command("show")
def show(conversation: Which, as_json: Json = False) -> None:
    """What was said in one, and whose it is now.

    Example: remit conversations show chat:5d0c8e1e-5a3b-4d0e-9d2a-6d6f1a7c9b10
    """
    perform(_show(conversation, as_json))


@conversations.command("take")
def take(conversation: Which, as_json: Json = False) -> None:
    """Talk in the agent's place from now on: it waits, and nothing else reaches them on that channel.

    Example: remit conversations take chat:5d0c8e1e-5a3b-4d0e-9d2a-6d6f1a7c9b10
    """
    perform(_take(conversation, as_json))


@conversations.command("write")
def write(
    conversation: Which,
    text: Annotated[str, typer.Argument(help="What they read.")],
    key: Annotated[str, typer.Option(help="By which it is sent once, however often it is said.")] = "",
    as_json: Json = False,
) -> None:
    """Write to them, in a conversation that you have taken over; a worker sends it.

    Example: remit conversations write chat:5d0c8e1e-5a3b-4d0e-9d2a-6d6f1a7c9b10 "It comes tomorrow."
    """
    perform(_write(conversation, text, key or uuid4().hex, as_json))


@conversations.command("back")
def back(
    conversation: Which,
    note: Annotated[str, typer.Option(help="What the agent should know or do now.")] = "",
    as_json: Json = False,
) -> None:
    """Hand one back to the agent, which is told what you wrote.

    Example: remit conversations back chat:5d0c8e1e-5a3b-4d0e-9d2a-6d6f1a7c9b10 --note "Refund W1001"
    """
    perform(_back(conversation, note, as_json))


async def _list(search: str, person: str, as_json: bool) -> None:
    async with open_here() as app:
        profiles = (await find(app.store, person)).ids if person else None
        found = await list_talks(app.store, profiles, search)
    if as_json:
        print_json([asdict(one) for one in found])
    elif not found:
        console.print("None fits." if search or person else "Nobody has written yet.")
    else:
        table = listing("conversation", "with", "by", "at", "answered by", "the last", cut="the last")
        for one in found:
            who, text, by = (Text(shown(value)) for value in (one.who, one.text, one.by or one.agent))
            table.add_row(one.name, who, one.channel, f"{one.at:%Y-%m-%d %H:%M}", by, text)
        console.print(table)


async def _show(name: str, as_json: bool) -> None:
    async with open_here() as app:
        talk = await talk_of(app.store, name)
        lines, last = await lines_of(app.store, talk), await last_of(app.store, talk.name)
    if as_json:
        told = {"name": talk.name, "with": talk.called, "channel": talk.channel, "agent": talk.agent}
        taken = (
            {"by": last.by, "at": last.at, "until": last.until, "ended_at": last.ended_at} if last else None
        )
        print_json(told | {"taken": taken, "lines": [asdict(one) for one in lines]})
        return
    console.print(Text(shown(f"{talk.called} by {talk.channel}, answered by {talk.agent}")))
    for one in lines:
        by = {"visitor": talk.called, "agent": talk.agent}.get(one.side, one.by)
        console.print(Text(shown(f"{one.at:%Y-%m-%d %H:%M} {by}: {one.text}")))
    if last is not None and last.ended_at is None:
        console.print(
            Text(shown(f"{last.by} has taken it over, until {last.until:%H:%M} UTC at the latest."))
        )


async def _take(name: str, as_json: bool) -> None:
    async with open_here() as app:
        made = await talking.take_over(app, name, me())
    if as_json:
        print_json(asdict(made))
    else:
        console.print(f"It is yours until {made.until:%H:%M} UTC; each message puts that off.")


async def _write(name: str, text: str, key: str, as_json: bool) -> None:
    async with open_here() as app:
        run = await talking.write(app, talking.to_workers(app), name, me(), text, key)
    if as_json:
        print_json({"run": run})
    else:
        console.print(f"Run {run} sends it.")


async def _back(name: str, note: str, as_json: bool) -> None:
    async with open_here() as app:
        done = await talking.hand_back(app, talking.to_workers(app), name, me(), note)
    if as_json:
        print_json(asdict(done))
    else:
        console.print(Text(shown(f"It is {done.agent}'s again.")))
