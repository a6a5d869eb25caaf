"""`remit decisions save | playbooks | show | diff | stage`: playbooks in versions, and how far each of them goes."""

from __future__ import annotations

import difflib
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from remit.cli.common import Json, console, errors, listing, me, perform, print_json, read_text
from remit.cli.decisions import decisions
from remit.cli.here import open_here
from remit.decisions.kept import Version, list_playbooks, put, save, version_of
from remit.decisions.shown import shown_of
from remit.decisions.stage import STAGES, Stage
from remit.errors import UserError
from remit.gate.unseen import shown
from remit.playbook import playbook_of

NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
Playbook = Annotated[str, typer.Argument(help="The playbook's name.")]
Number = Annotated[int | None, typer.Option("--version", min=1, help="Left out: the newest.")]


@decisions.command("save", short_help="Keep a playbook as a new version, in shadow.")
def save_(
    file: Annotated[Path, typer.Argument(help="A playbook as YAML; - reads it from the input.")],
    name: Annotated[str, typer.Option("--name", help="By which it is known; left out: the file's.")] = "",
    note: Annotated[str, typer.Option("--note", "-m", help="Why, for whoever looks later.")] = "",
    as_json: Json = False,
) -> None:
    """Keep a playbook: actions, goals, rules. A new version decides and logs, and does nothing, until `stage` says otherwise.

    Examples:

    remit decisions save winback.yaml --note "calls only on weekdays"

    remit decisions show winback --version 3 | remit decisions save - --name winback --note "back to version 3"
    """
    perform(_save(file, name, note, as_json))


async def _save(file: Path, name: str, note: str, as_json: bool) -> None:
    text = sys.stdin.read() if str(file) == "-" else read_text(file)
    name = name or file.stem
    if not NAME.fullmatch(name):
        raise UserError(
            f"{name!r} is no name of a playbook: a small letter, then letters, digits, - or _. Say one by --name."
        )
    book = playbook_of(text, str(file))
    async with open_here() as app:
        saved = await save(app.store, name, text, book, note, me())
    if as_json:
        print_json(_told(saved))
    else:
        console.print(
            f"{name}, version {saved.version}: {saved.stage}, {len(book.actions)} actions", markup=False
        )
        for warning in saved.warnings:
            console.print(f"! {warning}", markup=False, style="yellow")


@decisions.command("playbooks", short_help="The playbooks, and which version stands where.")
def list_(as_json: Json = False) -> None:
    """Of each playbook the newest version, and all that decide.

    Example: remit decisions playbooks
    """
    perform(_list(as_json))


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_playbooks(app.store)
    if as_json:
        print_json({name: [_told(one) for one in some] for name, some in found.items()})
        return
    table = listing("playbook", "version", "stage", "since", "by", "why", whole=("playbook",), cut="why")
    for some in found.values():
        for one in some:
            since = f"{one.staged_at:%Y-%m-%d %H:%M}"
            row = (
                one.playbook,
                str(one.version),
                staged(one),
                since,
                one.staged_by,
                shown(one.why or one.note),
            )
            table.add_row(*map(Text, row))
    console.print(table)
    if not found:
        errors.print("No playbook is kept here; `remit decisions save FILE` keeps one.", style="dim")


@decisions.command("show", short_help="A playbook as it was saved.")
def show_(name: Playbook, number: Number = None, as_json: Json = False) -> None:
    """The text, as it was saved.

    Examples:

    remit decisions show winback > winback.yaml

    remit decisions show winback --version 2 --json
    """
    perform(_show(name, number, as_json))


async def _show(name: str, number: int | None, as_json: bool) -> None:
    async with open_here() as app:
        one = await version_of(app.store, name, number)
    print_json(_told(one)) if as_json else sys.stdout.write(one.text)


@decisions.command("diff", short_help="What differs between two versions.")
def diff_(
    name: Playbook,
    before: Annotated[int, typer.Argument(min=1, help="A version.")],
    after: Annotated[int | None, typer.Argument(min=1, help="Another; left out: the newest.")] = None,
    as_json: Json = False,
) -> None:
    """Line by line, as `diff -u`.

    Example: remit decisions diff winback 2 3
    """
    perform(_diff(name, before, after, as_json))


async def _diff(name: str, before: int, after: int | None, as_json: bool) -> None:
    async with open_here() as app:
        one, other = await version_of(app.store, name, before), await version_of(app.store, name, after)
    called = (f"{name} {one.version}", f"{name} {other.version}")
    lines = list(difflib.unified_diff(one.text.splitlines(), other.text.splitlines(), *called, lineterm=""))
    print_json(lines) if as_json else sys.stdout.write("".join(f"{line}\n" for line in lines))


@decisions.command("stage", short_help="How far a version goes: off, shadow, ramp, live.")
def stage_(
    name: Playbook,
    stage: Annotated[str, typer.Argument(help="off, shadow, ramp or live.")],
    number: Number = None,
    share: Annotated[float, typer.Option("--share", help="In ramp: for what share of people, as 0.1.")] = 0.0,
    anyway: Annotated[str, typer.Option("--anyway", help="Why, where it has not shown enough yet.")] = "",
    as_json: Json = False,
) -> None:
    """Shadow: it decides and logs, and nothing is done. Ramp: it is done for a share of people, who stay the same; all others have
    what is live. Live: for all. It goes up a step at a time, on what it has shown, and comes down by itself when a guardrail is broken.

    Examples:

    remit decisions stage winback ramp --share 0.1

    remit decisions stage winback live --anyway "the board wants it for Friday"
    """
    perform(_stage(name, stage, number, share, anyway, as_json))


async def _stage(name: str, stage: str, number: int | None, share: float, anyway: str, as_json: bool) -> None:
    wanted: Stage | None = next((one for one in STAGES if one == stage), None)
    if wanted is None:
        raise UserError(f"{stage!r} is no stage: {', '.join(STAGES)}")
    if share and wanted != "ramp":
        raise UserError("a share is for ramp: all others are for everybody")
    async with open_here() as app:
        one = await version_of(app.store, name, number)
        moved = await put(app.store, one, wanted, me(), await shown_of(app.store, one), share, anyway)
    if as_json:
        print_json(_told(moved))
    else:
        console.print(f"{name}, version {moved.version}: {staged(moved)}", markup=False)


def staged(one: Version) -> str:
    """Where it stands, as people write it."""
    return f"ramp {one.share:.4g}" if one.stage == "ramp" else one.stage


def _told(one: Version) -> dict[str, Any]:
    return {key: value for key, value in asdict(one).items() if key != "spec"} | {"warnings": one.warnings}
