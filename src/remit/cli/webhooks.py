"""`remit webhooks`: who is told over HTTP of what happens in runs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.text import Text

from remit.cli.common import Json, console, errors, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.webhooks import deliver, kept
from remit.webhooks.deliver import Delivery
from remit.webhooks.kept import EVENTS, Webhook

webhooks = group(
    help="Who is told over HTTP of what happens in runs. `remit up` and `remit worker` send the messages: signed (Standard "
    "Webhooks), at least once, for three days. They say what happened where, and nothing that was said there. Each prints JSON "
    "with --json.\n\nExample: remit webhooks add https://crm.example/remit --event run.finished\n\nEvents:\n\n"
    + "\n\n".join(f"{name}: {what}" for name, what in EVENTS.items()),
)
Which = Annotated[str, typer.Argument(help="The webhook's id, or its beginning.")]


@webhooks.command()
def add(
    url: Annotated[str, typer.Argument(help="Where messages are posted to: https://…")],
    event: Annotated[list[str] | None, typer.Option(help="Of what: run.finished, …; repeatable.")] = None,
    agent: Annotated[list[str] | None, typer.Option(help="Only of this agent's runs; repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Have an address told of events, and show the secret that its messages are signed with, this once.

    Examples:

    remit webhooks add https://crm.example/remit --event run.finished --event approval.asked

    remit webhooks add https://pager.example/hook --event effect.failed --agent support --json
    """
    perform(_add(url, event or [], agent or [], as_json))


@webhooks.command("list")
def list_(as_json: Json = False) -> None:
    """Who is told of what, and whether it arrives; no secrets.

    Example: remit webhooks list
    """
    perform(_list(as_json))


@webhooks.command("test")
def try_out(webhook: Which, as_json: Json = False) -> None:
    """Send a message of no run, now, and say how it went. Exit code 1 where it was not received.

    Example: remit webhooks test 3f2a
    """
    perform(_test(webhook, as_json))


@webhooks.command()
def deliveries(
    webhook: Which,
    state: Annotated[str, typer.Option(help="Only these: due, done or dead.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    as_json: Json = False,
) -> None:
    """What a webhook was told in the last 30 days, newest first, and what it is to be told still.

    Example: remit webhooks deliveries 3f2a --state dead
    """
    if state not in ("", "due", "done", "dead"):
        raise typer.BadParameter(f"--state {state}: due, done or dead")
    perform(_deliveries(webhook, state, limit, as_json))


@webhooks.command()
def rotate(webhook: Which, as_json: Json = False) -> None:
    """Make a new secret and show it, this once. For a day the old one signs as well.

    Example: remit webhooks rotate 3f2a
    """
    perform(_rotate(webhook, as_json))


@webhooks.command()
def enable(webhook: Which, as_json: Json = False) -> None:
    """Tell a webhook again that was disabled, since nothing arrived or somebody said so.

    Example: remit webhooks enable 3f2a
    """
    perform(_enable(webhook, as_json))


@webhooks.command()
def remove(webhook: Which, as_json: Json = False) -> None:
    """Tell a webhook nothing any more, and forget what it was told.

    Example: remit webhooks remove 3f2a
    """
    perform(_remove(webhook, as_json))


async def _add(url: str, events: list[str], agents: list[str], as_json: bool) -> None:
    async with open_here() as app:
        made, secret = await kept.add_webhook(app.store, url, events, agents, me())
    if as_json:
        print_json({**asdict(made), "secret": secret})
        return
    errors.print(
        Text(f"{str(made.id)[:8]} is told of {', '.join(made.events)}. Its secret is not shown again.")
    )
    print(secret)


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await kept.list_webhooks(app.store)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        console.print("Nobody is told of anything; `remit webhooks add --help` says how.")
        return
    table = listing("id", "address", "events", "agents", "state", whole=("id",))
    for one in found:
        agents = " ".join(one.agents) or "all"
        table.add_row(
            str(one.id)[:8], Text(one.url), Text(" ".join(one.events)), Text(agents), Text(standing(one))
        )
    console.print(table)


def standing(webhook: Webhook) -> str:
    """In a few words, whether it hears."""
    if webhook.disabled_at is not None:
        return f"disabled: {webhook.disabled_why}"
    if webhook.failing_since is not None:
        return f"nothing received since {webhook.failing_since.astimezone():%d %b %H:%M}"
    return "ok"


async def _test(prefix: str, as_json: bool) -> None:
    async with open_here() as app:
        webhook = await kept.find_webhook(app.store, prefix)
        sent = await deliver.try_out(app.store, webhook.id, me())
    if as_json:
        print_json(_shown(sent))
    else:
        console.print(Text(_went(sent)))
    if sent.state != "done":
        raise typer.Exit(1)


async def _deliveries(prefix: str, state: str, limit: int, as_json: bool) -> None:
    async with open_here() as app:
        webhook = await kept.find_webhook(app.store, prefix)
        found = await deliver.list_deliveries(app.store, webhook.id, state=state, limit=limit)
    if as_json:
        print_json([_shown(one) for one in found])
        return
    table = listing("at", "event", "run", "how it went", whole=("at", "run"), cut="how it went")
    for one in found:
        run = str(one.run)[:8] if one.run else ""
        table.add_row(f"{one.at.astimezone():%d %b %H:%M:%S}", one.type, run, Text(_went(one)))
    console.print(table)


def _went(sent: Delivery) -> str:
    said = " ".join(f"{sent.status or ''} {sent.said}".split())
    if sent.state == "done":
        return f"received: {said}"
    tries = f"{sent.attempts} tries" if sent.attempts != 1 else "1 try"
    if sent.state == "dead":
        return f"given up after {tries}: {said}"
    again = f"again at {sent.due_at.astimezone():%d %b %H:%M:%S}"
    return f"{tries}, {again}: {said}" if sent.attempts else "to be sent"


async def _rotate(prefix: str, as_json: bool) -> None:
    async with open_here() as app:
        webhook = await kept.find_webhook(app.store, prefix)
        secret = await kept.rotate(app.store, webhook.id, me())
    if as_json:
        print_json({"id": webhook.id, "secret": secret})
        return
    errors.print("For a day the old secret signs as well. The new one is not shown again.")
    print(secret)


async def _enable(prefix: str, as_json: bool) -> None:
    async with open_here() as app:
        webhook = await kept.enable(app.store, (await kept.find_webhook(app.store, prefix)).id, me())
    if as_json:
        print_json(asdict(webhook))
    else:
        console.print(Text(f"{str(webhook.id)[:8]} is told of {', '.join(webhook.events)}"))


async def _remove(prefix: str, as_json: bool) -> None:
    async with open_here() as app:
        gone = await kept.remove(app.store, (await kept.find_webhook(app.store, prefix)).id, me())
    if as_json:
        print_json({"id": gone.id, "removed": True})
    else:
        console.print(Text(f"removed: {gone.site}"))


def _shown(sent: Delivery) -> dict[str, Any]:
    return {**asdict(sent), "number": sent.number, "message": sent.message}
