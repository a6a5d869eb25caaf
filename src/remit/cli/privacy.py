"""`remit graph`, as far as people may ask for what is held of them, and that it be erased."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic_core import from_json
from rich.text import Text

from remit import settings
from remit.age import write_age
from remit.cli.common import Json, console, group, listing, me, perform, print_json, read_text
from remit.cli.here import open_here
from remit.cli.joined import Who
from remit.errors import UserError
from remit.gate.unseen import shown
from remit.graph.erased import digest_of
from remit.graph.identifiers import meant
from remit.graph.people import find
from remit.privacy.erase import Erasure, Foreseen, begin, erasure_of, erasures, foreseen, go_on
from remit.privacy.export import export_bytes, write_file
from remit.privacy.holds import list_holds, remove_hold, set_hold
from remit.privacy.receipt import signer, verify
from remit.store.secrets import key_of

privacy = group(help="What is held of a person, and that it be erased.")
receipt = group(
    help="Receipts of erasures.\n\nExample: remit graph receipt verify receipt.json",
)
hold = group(
    help="What must be kept for a time, whoever is erased: it stays without the person.\n\n"
    'Example: remit graph hold set invoices --kind purchase --for 10y --because "§ 147 AO"',
)
privacy.add_typer(receipt, name="receipt")
privacy.add_typer(hold, name="hold")
Id = Annotated[UUID, typer.Argument(help="The erasure's id, as `remit graph erasures` lists it.")]
Name = Annotated[
    str, typer.Argument(help="What the hold is called: a small letter, then letters, digits, - or _.")
]


@privacy.command("export")
def export_(
    who: Who,
    out: Annotated[Path | None, typer.Option(help="Where to; left out: person-NUMBER.zip here.")] = None,
    as_json: Json = False,
) -> None:
    """Write all that is held of somebody into one file: who, what happened, journals and files of runs for them, and where else
    they are named.

    Example: remit graph export ann@shop.example --out ann.zip
    """
    perform(_export(who, out, as_json))


@privacy.command("erase")
def erase_(
    who: Who,
    because: Annotated[str, typer.Option(help="Why: it stands in the receipt.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would go, and what would stay.")
    ] = False,
    never_again: Annotated[
        bool,
        typer.Option(
            "--never-again", help="Take nothing of theirs in any more, not even what happens from now on."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for their name first.")] = False,
    as_json: Json = False,
) -> None:
    """Erase somebody everywhere, for good, and print the receipt. It says what will go and asks for their name first; killed in the
    middle, it is gone on with by `remit graph resume` and by every worker.

    Examples:

    remit graph erase ann@shop.example --dry-run

    remit graph erase ann@shop.example --because "asked by mail on 3 May" --yes --json
    """
    perform(_erase(who, because, dry_run, never_again, yes, as_json))


@privacy.command("erasures")
def erasures_(as_json: Json = False) -> None:
    """Who asked for what to be erased, how far that is, and what it came to.

    Example: remit graph erasures
    """
    perform(_erasures(as_json))


@privacy.command("resume")
def resume(id_: Id, as_json: Json = False) -> None:
    """Go on with an erasure that was interrupted, or that waits. Workers do so by themselves.

    Example: remit graph resume 0b7e3c1e-5d2f-4b6a-9a7e-1f2d3c4b5a69
    """
    perform(_resume(id_, as_json))


@receipt.command("show")
def show(id_: Id) -> None:
    """Print a receipt, as JSON: to be kept, and given to who asked.

    Example: remit graph receipt show 0b7e3c1e-5d2f-4b6a-9a7e-1f2d3c4b5a69 > receipt.json
    """
    perform(_show(id_))


@receipt.command("verify")
def verify_(
    file: Annotated[Path, typer.Argument(help="The receipt.")],
    of: Annotated[
        str, typer.Option(help="Whether it is of this address, telephone number or kind:value.")
    ] = "",
    key: Annotated[str, typer.Option(help="The public key to trust; left out: this installation's.")] = "",
    as_json: Json = False,
) -> None:
    """Whether a receipt is as it was signed. With --key it needs no database and no secret.

    Example: remit graph receipt verify receipt.json --of ann@shop.example
    """
    perform(_verify(file, of, key, as_json))


@hold.command("set")
def set_(
    name: Name,
    kind: Annotated[list[str], typer.Option(help="Of interactions, as purchase; repeatable.")],
    lasts: Annotated[str, typer.Option("--for", help="Since they happened: 10y.")],
    because: Annotated[str, typer.Option(help="The law or contract: it stands in receipts.")],
    as_json: Json = False,
) -> None:
    """Keep interactions of some kinds for so long, whoever is erased: when, what and how much, under a number that is nobody's.

    Example: remit graph hold set invoices --kind purchase --kind refund --for 10y --because "§ 147 AO"
    """
    perform(_set(name, kind, lasts, because, as_json))


@hold.command("list")
def list_(as_json: Json = False) -> None:
    """What is held.

    Example: remit graph hold list
    """
    perform(_list(as_json))


@hold.command("remove")
def remove(name: Name, as_json: Json = False) -> None:
    """Take a hold back, for whoever is erased from now on.

    Example: remit graph hold remove invoices
    """
    perform(_remove(name, as_json))


async def _export(who: str, out: Path | None, as_json: bool) -> None:
    async with open_here() as app:
        person = await find(app.store, who)
        made = await export_bytes(app.store, person, me())
    path = out or Path(f"person-{person.id}.zip")
    try:
        await asyncio.to_thread(write_file, path, made)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    if as_json:
        print_json({"file": str(path), "bytes": len(made)})
        return
    console.print(Text(f"{path}: {len(made):,} bytes, readable by you alone"))


async def _erase(who: str, because: str, dry_run: bool, never: bool, yes: bool, as_json: bool) -> None:
    async with open_here() as app:
        person = await find(app.store, who)
        if dry_run or not yes:
            found = await foreseen(app.store, person)
            if as_json and dry_run:
                print_json(asdict(found))
            else:
                console.print(Text(f"{shown(person.called)}:"))
                _tell(found)
        if dry_run:
            return
        if (
            not yes
            and typer.prompt("They are gone for good then. Type their name as above to go on")
            != person.called
        ):
            raise UserError("that is not what they are called; nothing was erased")
        id_ = await begin(app.store, person, me(), because, never)
        _told(await go_on(app.store, id_, app.cancel), as_json)


def _tell(found: Foreseen) -> None:
    table = listing("what", "where", "how many")
    for where, count in found.rows.items():
        table.add_row("goes", where, f"{count:,}")
    if found.runs:
        table.add_row("goes", "runs for them, with their files", f"{found.runs:,}")
    for where, count in found.searched.items():
        table.add_row("is rid of them", where, f"{count:,}")
    if found.journals:
        table.add_row("is rid of them", "journals of other runs", f"{found.journals:,}")
    for name, count in found.held.items():
        table.add_row("stays without them", f"interactions, by the hold {name}", f"{count:,}")
    for where, count in found.set_up.items():
        table.add_row("stays: change it by hand", where, f"{count:,}")
    console.print(table)
    console.print("Archives of runs and files are searched as well, when it is done.", style="dim")


def _told(one: Erasure, as_json: bool) -> None:
    if as_json:
        print_json(one)
        return
    if one.done_at is None:
        console.print(
            Text(
                f"Erasure {one.id} is not done: {one.why}. Workers go on with it; so does `remit graph resume {one.id}`."
            )
        )
        return
    table = listing("erased", "how many")
    for where, count in (one.receipt or {}).get("erased", {}).items():
        table.add_row(where, f"{count:,}")
    for kept in one.kept:
        table.add_row(Text(f"kept: {kept['what']}, {kept['why']}"), f"{kept['count']:,}")
    console.print(table)
    console.print(Text(f"Done. The receipt: remit graph receipt show {one.id}"))


async def _erasures(as_json: bool) -> None:
    async with open_here() as app:
        found = await erasures(app.store)
    if as_json:
        print_json(found)
        return
    if not found:
        console.print("Nobody was erased; `remit graph erase WHO --dry-run` says what that would take.")
        return
    table = listing("id", "asked", "by", "because", "state", whole=("id",))
    for one in found:
        state = (
            f"done {one.done_at.astimezone():%d %b %Y %H:%M}"
            if one.done_at
            else f"after {one.step or 'nothing'}. {one.why}"
        )
        table.add_row(
            str(one.id),
            f"{one.asked_at.astimezone():%d %b %Y %H:%M}",
            Text(one.by),
            Text(one.because),
            Text(state),
        )
    console.print(table)


async def _resume(id_: UUID, as_json: bool) -> None:
    async with open_here() as app:
        _told(await go_on(app.store, id_, app.cancel), as_json)


async def _show(id_: UUID) -> None:
    async with open_here() as app:
        one = await erasure_of(app.store, id_)
    if one.receipt is None:
        raise UserError(
            f"erasure {id_} is not done, so that it has no receipt: {one.why or 'it is under way'}"
        )
    print_json(one.receipt)


async def _verify(file: Path, of: str, key: str, as_json: bool) -> None:
    try:
        said: Any = from_json(read_text(file))
    except ValueError as error:
        raise UserError(f"{file}: no JSON, so no receipt: {error}") from error
    verify(said, key or signer(settings.load()).name)
    theirs = None
    if of:
        who = meant(of)
        if who is None:
            raise UserError(f"{of!r} is no address, telephone number or kind:value")
        theirs = digest_of(key_of(settings.load()), said["workspace"], who.key).hex() in said["of"]
    if as_json:
        print_json({"genuine": True, "of": theirs, "receipt": said})
    else:
        console.print(
            Text(f"Genuine: erasure {said['erasure']}, done {said['done_at']}, by {shown(said['by'])}.")
        )
        if theirs is not None:
            console.print(Text(f"It is {'' if theirs else 'not '}of {of}."))
    if theirs is False:
        raise typer.Exit(1)


async def _set(name: str, kinds: list[str], lasts: str, because: str, as_json: bool) -> None:
    async with open_here() as app:
        made = await set_hold(app.store, name, kinds, lasts, because, me())
    print_json(made) if as_json else console.print(
        Text(f"{', '.join(made.kinds)}: kept {write_age(made.lasts)}.")
    )


async def _list(as_json: bool) -> None:
    async with open_here() as app:
        found = await list_holds(app.store)
    if as_json:
        print_json(found)
        return
    if not found:
        console.print("Nothing is held: of who is erased, all goes.")
        return
    table = listing("hold", "kinds", "for", "because", "by")
    for one in found:
        table.add_row(one.name, ", ".join(one.kinds), write_age(one.lasts), Text(one.because), Text(one.by))
    console.print(table)


async def _remove(name: str, as_json: bool) -> None:
    async with open_here() as app:
        await remove_hold(app.store, name, me())
    print_json({"removed": name}) if as_json else console.print(Text(f"{name} holds nothing any more."))
