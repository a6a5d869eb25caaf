"""`remit graph`, as far as people say who is one person."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from remit.cli.common import Json, console, errors, group, me, perform, print_json
from remit.cli.here import open_here
from remit.gate.unseen import shown
from remit.graph.matching import match_all
from remit.graph.merging import Said, questions, restore, say, withdraw
from remit.graph.people import PAGE, Person, find, profile_of
from remit.graph.words import doubt, weighed

joined = group(help="Who is one person, as people say.")
Who = Annotated[
    str,
    typer.Argument(help="An address, a telephone number, kind:value (customer:C1042), or a person's number."),
]
Link = Annotated[
    int, typer.Argument(min=1, max=2**63 - 1, help="The link's number, as `remit graph person` shows it.")
]


@joined.command("doubtful")
def doubtful(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Pairs at most.")] = PAGE, as_json: Json = False
) -> None:
    """Who may be one person, and only people can say. Answer with `remit graph same` or `remit graph apart`.

    Example: remit graph doubtful
    """
    perform(_doubtful(limit, as_json))


@joined.command("match")
def match(as_json: Json = False) -> None:
    """Find who is alike by what is said of them, where no identifier says so: names, birthday, address, … Those who are one with 90 % and
    more are made one by a link that can be taken back, those from 50 % on are asked about. What is no longer found is taken back.

    Example: remit graph match
    """
    perform(_match(as_json))


@joined.command("same")
def same(who: Who, other: Who, as_json: Json = False) -> None:
    """Say that these two are one person. It is your word, with your name, and `remit graph withdraw` takes it back.

    Example: remit graph same crm:17 crm:93
    """
    perform(_say(who, other, "same", as_json))


@joined.command("apart")
def apart(who: Who, other: Who, as_json: Json = False) -> None:
    """Say that these two are two people, whatever else speaks for one.

    Example: remit graph apart customer:C1 customer:C2
    """
    perform(_say(who, other, "apart", as_json))


@joined.command("withdraw")
def withdraw_(link: Link, as_json: Json = False) -> None:
    """Let a link count for nothing: whom it alone joined are two again, and nothing is lost.

    Example: remit graph withdraw 42
    """
    perform(_hold(link, True, as_json))


@joined.command("restore")
def restore_(link: Link, as_json: Json = False) -> None:
    """Let a link that was withdrawn count again.

    Example: remit graph restore 42
    """
    perform(_hold(link, False, as_json))


async def _doubtful(limit: int, as_json: bool) -> None:
    async with open_here() as app:
        found = await questions(app.store, limit=limit)
    if as_json:
        print_json(found)
        return
    if not found:
        console.print("Nothing is doubtful.")
    for one in found:
        console.print(Text(f"{shown(one.called_a)} and {shown(one.called_b)}", "bold"))
        console.print(Text(f"  {shown(doubt(one))}"))
        if one.reasons:
            console.print(Text(f"  {shown(weighed(one.reasons))} bits", "dim"))


async def _match(as_json: bool) -> None:
    async with open_here() as app:
        with errors.status("Comparing…"):
            found = await match_all(app.store, me())
    if as_json:
        print_json(found)
        return
    console.print(
        f"{found.records:,} records compared: {found.joined:,} pairs are one person, {found.asked:,} are asked about, {found.held:,} are held "
        f"back by what speaks against it, {found.gone:,} were taken back."
    )
    if found.asked:
        console.print("`remit graph doubtful` has the questions.", style="dim")


async def _say(who: str, other: str, said: Said, as_json: bool) -> None:
    async with open_here() as app:
        a, b = await profile_of(app.store, who), await profile_of(app.store, other)
        await say(app.store, a, b, said, me())
        person = await find(app.store, who)
    if as_json:
        print_json(person_data(person))
        return
    keys = ", ".join(one.key for one in person.profiles)
    console.print(Text(f"person {person.id} is {shown(keys)}"))


async def _hold(link: int, gone: bool, as_json: bool) -> None:
    async with open_here() as app:
        await (withdraw if gone else restore)(app.store, link, me())
    if as_json:
        print_json({"link": link, "withdrawn": gone})
    else:
        console.print(f"link {link} {'counts for nothing' if gone else 'counts again'}")


def person_data(person: Person) -> dict[str, object]:
    """A person as JSON, here and in the API."""
    about = {
        key: {"value": value, "at": at, "source": source} for key, (value, at, source) in person.about.items()
    }
    return {
        "id": person.id,
        "name": person.name,
        "about": about,
        "profiles": [
            {
                "id": one.id,
                "kind": one.kind,
                "value": one.value,
                "verified": one.verified,
                "shared": one.shared or None,
            }
            for one in person.profiles
        ],
        "links": list(person.evidence),
    }
