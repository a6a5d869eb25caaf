"""`remit contacts`: who is reached, by which rules, and who is left alone."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from remit.agents.yaml import read_as
from remit.cli.common import Json, console, group, listing, me, perform, print_json
from remit.cli.here import open_here
from remit.decisions.action import Rules
from remit.decisions.contacts import Made, contacts_of
from remit.decisions.outlook import Outlook, Way, outlook_of
from remit.decisions.ruled import lift, set_rules, suppress, suppressed, versions
from remit.decisions.standing import rules_of
from remit.errors import UserError
from remit.gate.unseen import shown
from remit.graph.people import find, keys_of, profile_of

contacts = group(
    help="Who is reached, by whichever agent or campaign; the rules by which people may be, and who is left alone. Each prints JSON with "
    "--json.\n\nExample: remit contacts show ann@shop.example",
)
Who = Annotated[str, typer.Argument(help="An address, a telephone number, kind:value, or a person's number.")]


@contacts.command("list")
def list_(
    before: Annotated[
        int | None, typer.Option(min=1, help="Only those before the one of this number.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Contacts at most.")] = 50,
    as_json: Json = False,
) -> None:
    """Whom anybody has reached, or was not let reach, the last first.

    Example: remit contacts list --limit 200
    """
    perform(_list(before, limit, as_json))


@contacts.command("show")
def show(who: Who, as_json: Json = False) -> None:
    """Whether somebody may be reached now, by each channel and for each purpose, and if not, by which rule; and who has reached them.

    Example: remit contacts show ann@shop.example
    """
    perform(_show(who, as_json))


@contacts.command("rules")
def rules_(
    history: Annotated[
        bool, typer.Option("--history", help="Which versions there were, by whom and why.")
    ] = False,
    as_json: Json = False,
) -> None:
    """The rules that hold now for whoever is reached, as JSON that `remit contacts set` takes.

    Example: remit contacts rules > rules.yaml
    """
    perform(_rules(history, as_json))


@contacts.command("set")
def set_(
    file: Annotated[Path, typer.Argument(help="FILE.yaml with consent, quiet, caps, laws and zone.")],
    note: Annotated[str, typer.Option(help="Why.")] = "",
    as_json: Json = False,
) -> None:
    """Let the rules in a file hold from now on, for all agents and campaigns, in place of those that hold.

    Example: remit contacts set rules.yaml --note "too many complained"
    """
    perform(_set(file, note, as_json))


@contacts.command("suppress")
def suppress_(
    who: Who,
    because: Annotated[str, typer.Option(help="Why.")],
    channel: Annotated[str, typer.Option(help="On this channel alone: email, sms, …")] = "",
    until: Annotated[datetime | None, typer.Option(help="2027-01-31, by UTC; left out: for good.")] = None,
    as_json: Json = False,
) -> None:
    """Leave somebody alone, whatever they consented to. It holds for the next message.

    Example: remit contacts suppress ann@shop.example --because "a lawsuit"
    """
    perform(_suppress(who, because, channel, until.replace(tzinfo=UTC) if until else None, as_json))


@contacts.command("suppressed")
def suppressed_(as_json: Json = False) -> None:
    """Who is left alone, the last first.

    Example: remit contacts suppressed
    """
    perform(_suppressed(as_json))


@contacts.command("lift")
def lift_(
    number: Annotated[int, typer.Argument(min=1, max=2**62, help="As `remit contacts suppressed` lists it.")],
    as_json: Json = False,
) -> None:
    """Let somebody be reached again, as far as the rules do.

    Example: remit contacts lift 3
    """
    perform(_lift(number, as_json))


async def _list(before: int | None, limit: int, as_json: bool) -> None:
    async with open_here() as app:
        found = await contacts_of(app.store, None, before, limit)
        names = await keys_of(app.store, {one.profile for one in found})
    if as_json:
        print_json([asdict(one) | {"to": names.get(one.profile, "")} for one in found])
    elif not found:
        console.print("Nobody was reached yet.")
    else:
        _table(found, names)


def _table(found: list[Made], names: dict[int, str]) -> None:
    table = listing("at", "to", "channel", "purpose", "by", "came to", "why", cut="why")
    for one in found:
        to, by = Text(shown(names.get(one.profile, ""))), Text(shown(one.by))
        table.add_row(
            f"{one.at:%Y-%m-%d %H:%M}", to, one.channel, one.purpose, by, one.state, Text(shown(one.why))
        )
    console.print(table)


async def _show(who: str, as_json: bool) -> None:
    async with open_here() as app:
        found = await outlook_of(app.store, await find(app.store, who), datetime.now(UTC))
    if as_json:
        print_json(_data(found))
        return
    zone = found.zone or "unknown time zone"
    console.print(Text(shown(f"{found.person.called}: {zone}, {found.country or 'unknown country'}")))
    if not found.ways:
        console.print("There is no address and no telephone number of theirs.")
    for way in found.ways:
        told = "; ".join(_told(one.rule, one.because, one.until) for one in way.against) or "yes"
        console.print(Text(shown(f"  {way.channel} to {way.to}, {way.purpose}: {told}")))
    for one in found.suppressed:
        console.print(Text(shown(f"  left alone ({one.channel or 'everywhere'}) by {one.by}: {one.because}")))
    if found.contacts:
        _table(list(found.contacts), {one.id: one.value for one in found.person.profiles})


def _told(rule: str, because: str, until: datetime | None) -> str:
    return f"no, {because} ({rule}{f', until {until:%Y-%m-%d %H:%M} UTC' if until else ''})"


def _data(found: Outlook) -> dict[str, Any]:
    def of(way: Way) -> dict[str, Any]:
        against = [{"rule": one.rule, "because": one.because, "until": one.until} for one in way.against]
        return {
            "to": way.to,
            "channel": way.channel,
            "purpose": way.purpose,
            "may": not way.against,
            "against": against,
        }

    return {
        "person": found.person.id,
        "called": found.person.called,
        "zone": found.zone,
        "country": found.country,
        "ways": [of(way) for way in found.ways],
        "suppressed": [asdict(one) for one in found.suppressed],
        "contacts": [asdict(one) for one in found.contacts],
    }


async def _rules(history: bool, as_json: bool) -> None:
    async with open_here() as app:
        found, rules = await versions(app.store), await rules_of(app.store)
    if not history:
        print_json(rules.model_dump(mode="json"))
    elif as_json:
        print_json([asdict(one) for one in found])
    elif not found:
        console.print("Nobody has set any: these are the ones that Remit begins with.")
    else:
        table = listing("version", "at", "who", "why", cut="why")
        for one in found:
            table.add_row(
                str(one.version), f"{one.at:%Y-%m-%d %H:%M}", Text(shown(one.who)), Text(shown(one.note))
            )
        console.print(table)


async def _set(file: Path, note: str, as_json: bool) -> None:
    rules = read_as(Rules, file)
    async with open_here() as app:
        version = await set_rules(app.store, rules, note, me())
    _say({"version": version}, f"Version {version} holds from now on.", as_json)


async def _suppress(who: str, because: str, channel: str, until: datetime | None, as_json: bool) -> None:
    if until is not None and until <= datetime.now(UTC):
        raise UserError(f"--until {until:%Y-%m-%d}: that is over")
    async with open_here() as app:
        profile = await profile_of(app.store, who)
        number = await suppress(app.store, profile, because, me(), channel, until)
    _say({"suppression": number}, f"They are left alone; `remit contacts lift {number}` ends it.", as_json)


async def _suppressed(as_json: bool) -> None:
    async with open_here() as app:
        found = await suppressed(app.store)
        names = await keys_of(app.store, {one.profile for one in found})
    if as_json:
        print_json([asdict(one) | {"who": names.get(one.profile, "")} for one in found])
        return
    if not found:
        console.print("Nobody is left alone.")
        return
    table = listing("number", "who", "channel", "until", "by", "because", cut="because")
    for one in found:
        until = f"{one.until:%Y-%m-%d}" if one.until else "for good"
        who = Text(shown(names.get(one.profile, "")))
        table.add_row(
            str(one.id), who, one.channel or "all", until, Text(shown(one.by)), Text(shown(one.because))
        )
    console.print(table)


async def _lift(number: int, as_json: bool) -> None:
    async with open_here() as app:
        await lift(app.store, number, me())
    _say({"lifted": number}, "They may be reached again, as far as the rules let them.", as_json)


def _say(data: dict[str, Any], words: str, as_json: bool) -> None:
    if as_json:
        print_json(data)
    else:
        console.print(words)
