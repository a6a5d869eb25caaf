"""`remit graph`: what was heard of people on every channel, and which of it is of one person."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from remit.cli.accounts import accounts
from remit.cli.aside import aside
from remit.cli.common import Json, console, errors, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.cli.intake import intake, sync_
from remit.cli.joined import Who, joined, person_data
from remit.cli.privacy import privacy
from remit.cli.purposes import purpose
from remit.errors import UserError
from remit.gate.unseen import shown
from remit.graph.accounts.look import accounts_of
from remit.graph.accounts.relations import relations_of
from remit.graph.accounts.words import belonging, related
from remit.graph.files import Format, rows_in
from remit.graph.identifiers import KIND
from remit.graph.ingest import Taken, take_all
from remit.graph.people import (
    PAGE,
    Event,
    Person,
    consent_of,
    find,
    read_of,
    search,
    terms_of,
    timeline,
)
from remit.graph.sample import town
from remit.graph.sentiment import feelings_of
from remit.graph.state import Terms
from remit.graph.terms import set_terms
from remit.graph.wants import intents_of
from remit.graph.words import because, consented, felt, happened, stated

graph = group(
    help="The conversation graph: what was heard of people on every channel, and which of it is of one person. Each prints JSON "
    "with --json.\n\nExample: remit graph ingest events.jsonl --source shop",
)
graph.add_typer(joined)
graph.add_typer(accounts)
graph.add_typer(intake, name="intake")
graph.command("sync")(sync_)
graph.add_typer(aside)
graph.add_typer(privacy)
graph.add_typer(purpose, name="purpose")
TOLD = 5  # rows set aside that are told one by one


@graph.command("ingest")
def ingest(
    file: Annotated[Path, typer.Argument(help="FILE.jsonl, FILE.csv, or - for JSON lines piped in.")],
    source: Annotated[
        str, typer.Option(help="Whose rows these are, where they do not say: shop, crm, newsletter.")
    ] = "",
    verified: Annotated[
        str, typer.Option(help="Kinds of identifiers that this source has checked to be theirs: email,phone.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Take in what happened: each event once, however often it comes. What cannot be taken in is set aside with the reason, and
    everything else comes in.

    Example: remit graph ingest orders.csv --source shop --verified email
    """
    perform(_ingest(file, source, _kinds(verified), as_json))


@graph.command("sample")
def sample(
    people: Annotated[int, typer.Option(min=1, max=100_000, help="How many are made.")] = 300,
    as_json: Json = False,
) -> None:
    """Take in a town of made people with a year of what they did, to look around in. Only where nobody is known yet.

    Example: remit --workspace town graph sample
    """
    perform(_sample(people, as_json))


@graph.command("person")
def person_(who: Who, as_json: Json = False) -> None:
    """Who somebody is: their identifiers with why these are theirs, and what everything heard of them comes to.

    Example: remit graph person ann@shop.example
    """
    perform(_person(who, as_json))


@graph.command("timeline")
def timeline_(
    who: Who,
    before: Annotated[datetime | None, typer.Option(help="Only what happened before: 2026-05-01.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Interactions at most.")] = PAGE,
    as_json: Json = False,
) -> None:
    """What happened, on every channel, the last first.

    Example: remit graph timeline customer:C1042 --limit 20
    """
    perform(_timeline(who, before, limit, as_json))


@graph.command("search")
def search_(
    text: Annotated[
        str, typer.Argument(help="How a name or an identifier begins; empty: those last heard of.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="People at most.")] = PAGE,
    as_json: Json = False,
) -> None:
    """Find people.

    Example: remit graph search ann
    """
    perform(_search(text, limit, as_json))


@graph.command("terms")
def terms_(
    brief: Annotated[
        float | None, typer.Option(help="Days until half of what they do these days is forgotten.")
    ] = None,
    lasting: Annotated[
        float | None, typer.Option(help="Days until half of what they are like is forgotten.")
    ] = None,
    as_json: Json = False,
) -> None:
    """How soon is forgotten what people did. Where it changes, every state is folded anew from what happened.

    Example: remit graph terms --brief 14 --lasting 180
    """
    perform(_terms(brief, lasting, as_json))


def _kinds(text: str) -> frozenset[str]:
    kinds = frozenset(one for one in text.replace(",", " ").split() if one)
    wrong = next((one for one in kinds if not KIND.fullmatch(one)), None)
    if wrong:
        raise typer.BadParameter(f"{wrong[:60]!r} is no kind of identifier: email, phone, customer, …")
    return kinds


async def _ingest(path: Path, source: str, verified: frozenset[str], as_json: bool) -> None:
    how: Format = "csv" if path.suffix.lower() == ".csv" else "jsonl"
    source = source or ("" if str(path) == "-" else path.stem)
    taken = Taken()
    with _opened(path) as lines, _progress() as progress:
        rows = rows_in(lines, how)
        async with open_here() as app:
            async for some in take_all(app.store, rows, source, verified):
                taken += some
                progress(taken)
    if as_json:
        aside = [{"line": one.line, "field": one.field, "why": one.why} for one in taken.set_aside]
        print_json({"new": taken.new, "known": taken.known, "set_aside": aside})
        return
    console.print(Text(_said(taken)))
    for one in taken.set_aside[:TOLD]:
        console.print(Text(f"  line {one.line}: {shown(one.field)}{': ' * bool(one.field)}{shown(one.why)}"))
    if taken.set_aside:
        console.print(
            "`remit graph rejected` lists what was set aside, `remit graph mend` takes it in after all."
        )


async def _sample(people: int, as_json: bool) -> None:
    taken = Taken()
    async with open_here() as app:
        if await search(app.store, "", 1):
            raise UserError(
                "people are known here already, and made ones are not mixed in with them: `remit workspaces add town`, then "
                "`remit --workspace town graph sample`"
            )
        with _progress() as progress:
            async for some in take_all(app.store, enumerate(town(people, datetime.now(UTC)), 1)):
                taken += some
                progress(taken)
    if as_json:
        print_json({"people": people, "new": taken.new})
    else:
        console.print(
            Text(f"{people:,} made people, {_said(taken)}: look at them in the console, under People")
        )


def _said(taken: Taken) -> str:
    known = f", {taken.known:,} were there already" if taken.known else ""
    aside = f", {len(taken.set_aside):,} set aside" if taken.set_aside else ""
    return f"{taken.new:,} taken in{known}{aside}"


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if str(path) == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = path.open("rb")
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    with opened:
        yield opened


@contextmanager
def _progress() -> Iterator[Any]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("Taking in…")
        yield lambda taken: bar.update(task, description=_said(taken))


async def _person(who: str, as_json: bool) -> None:
    now = datetime.now(UTC)
    async with open_here() as app:
        person = await find(app.store, who)
        reading = await read_of(app.store, person, now)
        consent = await consent_of(app.store, person)
        wants = await intents_of(app.store, person, now)
        feeling = (await feelings_of(app.store, [person.id], now)).get(person.id)
        belong = await accounts_of(app.store, person, now)
        others = await relations_of(app.store, person, now)
    if as_json:
        known = {
            "state": reading,
            "sentiment": feeling,
            "wants": wants,
            "consent": consent.words,
            "accounts": belong,
            "relations": others,
        }
        print_json(person_data(person) | known)
        return
    console.print(Text(f"{shown(person.called)}  (person {person.id})", "bold"))
    for line in stated(reading) if reading else ["Nothing has come from them."]:
        console.print(Text(f"  {shown(line)}"))
    if feeling:
        console.print(Text(f"  {felt(feeling)}"))
    for one in wants:
        console.print(Text(f"  Wants {one.intent} ({one.confidence:.0%}): {shown(one.because)}"))
    for says, of in consented(consent):
        console.print(Text(f"  {says.capitalize()} to {shown(of)}"))
    for account in belong:
        console.print(Text(f"  {shown(belonging(account))}"))
    for other in others:
        console.print(Text(f"  {shown(related(other))}"))
    for key, (value, at, source) in sorted(person.about.items()):
        console.print(
            Text(f"  {shown(key)}: {shown(str(value))}  ").append(f"{shown(source)}, {at[:10]}", "dim")
        )
    table = listing("identifier", "", "number")
    for profile in person.profiles:
        marks = ["verified"] * profile.verified + ["many people's"] * bool(profile.shared)
        table.add_row(Text(shown(profile.key)), Text(", ".join(marks), "dim"), str(profile.id))
    console.print(table)
    _tell_why(person)


def _tell_why(person: Person) -> None:
    keys = {one.id: one.key for one in person.profiles}
    joins = [one for one in person.evidence if one.a in keys and one.b in keys and not one.withdrawn_at]
    for one in joins:
        words = f"{shown(keys[one.a])} and {shown(keys[one.b])}: {shown(because(one))}"
        console.print(Text(f"  {one.id}  {words}", "dim"))


async def _timeline(who: str, before: datetime | None, limit: int, as_json: bool) -> None:
    async with open_here() as app:
        person = await find(app.store, who)
        events = await timeline(app.store, person, before=before and before.astimezone(UTC), limit=limit)
    if as_json:
        print_json(events)
        return
    if not events:
        console.print("Nothing has happened.")
        return
    table = listing("when", "where", "what", cut="what")
    for one in events:
        table.add_row(f"{one.at:%Y-%m-%d %H:%M}", Text(shown(one.channel)), Text(line(one)))
    console.print(table)


def line(event: Event) -> str:
    """An interaction in one line."""
    about = " ".join((event.subject or event.body).split())[:200]
    return shown(f"{happened(event)}{': ' * bool(about)}{about}")


async def _search(text: str, limit: int, as_json: bool) -> None:
    async with open_here() as app:
        found = await search(app.store, text, limit)
    if as_json:
        print_json(found)
        return
    if not found:
        console.print(
            "Nobody was found."
            if text
            else "Nobody is known yet; `remit graph ingest` takes in what happened."
        )
        return
    table = listing("person", "called", "by", "last heard of")
    for one in found:
        last = f"{one.last:%Y-%m-%d}" if one.last else ""
        table.add_row(str(one.id), Text(shown(one.called)), Text(shown(one.by)), last)
    console.print(table)


async def _terms(brief: float | None, lasting: float | None, as_json: bool) -> None:
    async with open_here() as app:
        terms = await terms_of(app.store)
        if brief is not None or lasting is not None:
            terms = Terms(
                terms.brief if brief is None else brief, terms.lasting if lasting is None else lasting
            )
            await set_terms(app.store, terms, me())
    if as_json:
        print_json(terms)
    else:
        console.print(
            f"Half is forgotten in {terms.brief:g} days, and of what they are like in {terms.lasting:g}."
        )
