"""`remit flows`: what the library has ready for deciding about people."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.errors import UserError
from remit.flows import Flow as Ready
from remit.flows import add, flow_of
from remit.flows import flows as ready

flows = group(
    help="Ready flows: what to infer of people, and a playbook that decides by it. Each prints JSON with --json.\n\n"
    "Example: remit flows add coming-back",
)
Flow = Annotated[str, typer.Argument(help="The flow's name.")]


@flows.command("list")
def list_(as_json: Json = False) -> None:
    """What the library has."""
    known = ready().values()
    if as_json:
        print_json([_told(one) for one in known])
        return
    table = listing("flow", "what it is about", whole=("flow",))
    for one in known:
        table.add_row(one.name, one.told.title)
    console.print(table)


@flows.command()
def show(flow: Flow, as_json: Json = False) -> None:
    """What a flow is about, what it needs, what it infers, and its playbook, which may be changed and saved: `remit flows show coming-back >
    mine.yaml` writes the playbook alone where the output is no terminal.

    Example: remit flows show coming-back
    """
    one = flow_of(flow)
    if as_json:
        print_json(_told(one))
        return
    if console.is_terminal:
        console.print(f"[bold]{one.told.title}[/]\n{one.told.about}\n")
        for need in one.told.needs:
            console.print(f"needs {need}", style="dim")
        for pattern in one.told.behaviours:
            console.print(f"[bold]{pattern.intent}[/]: {pattern.words}")
        console.print()
    print(one.text, end="")


@flows.command("add")
def add_(
    flow: Flow,
    through: Annotated[
        list[str] | None,
        typer.Option("--through", help="CHANNEL=CONNECTION by which it sends; as email=desk."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Have this workspace do it: its intents are taught, its behaviours saved, and its playbook is a new version in shadow, which decides and
    logs, and does nothing until `remit decisions stage` says otherwise. Adding it again changes nothing.

    Example: remit flows add coming-back --through email=desk
    """
    perform(_add(flow, through or [], as_json))


async def _add(flow: str, through: list[str], as_json: bool) -> None:
    parted = [one.partition("=") for one in through]
    if odd := next(
        (one for one, part in zip(through, parted, strict=True) if not part[0] or not part[2]), None
    ):
        raise UserError(f"{odd!r}: write CHANNEL=CONNECTION, as email=desk")
    wanted = flow_of(flow).by({channel: name for channel, _, name in parted})
    async with open_here() as app:
        made = await add(app.store, wanted, me())
    version = made.playbook
    if as_json:
        told = {"flow": flow, "examples": made.examples, "behaviours": made.behaviours}
        print_json(told | {"playbook": version.playbook, "version": version.version, "stage": version.stage})
        return
    console.print(
        f"{version.playbook}, version {version.version}, decides in {version.stage}; {made.behaviours} behaviours and "
        f"{made.examples} examples are new. `remit decisions quality {version.playbook}` says what it would bring, "
        f"`remit decisions stage {version.playbook} ramp --share 0.1` has it act for a tenth."
    )


def _told(one: Ready) -> dict[str, Any]:
    told = one.told
    return {
        "name": one.name, "title": told.title, "about": told.about, "needs": told.needs, "intents": sorted(told.intents),
        "behaviours": {each.intent: each.words for each in told.behaviours}, "playbook": one.text,
    }  # fmt: skip
