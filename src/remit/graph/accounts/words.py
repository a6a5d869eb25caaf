"""What is known of an account in words, for the command line and the console alike. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from remit.graph.identity import WHY
from remit.graph.words import days, money

if TYPE_CHECKING:
    from remit.graph.accounts.look import Belonging, Evidence
    from remit.graph.accounts.relations import Related
    from remit.graph.accounts.sums import Sums
    from remit.graph.accounts.ties import Said

DAY = 86_400.0  # seconds


def summed(sums: Sums, now: datetime) -> list[str]:
    """What its people come to, a sentence each."""
    if not sums.people:
        return []
    stood = ", ".join(f"{count:,} {name}" for name, count in sums.stages.items() if count)
    said = [f"{_people(sums.people)}: {stood}."]
    if sums.last is not None:
        ago = days(max(0.0, (now - sums.last).total_seconds() / DAY))
        said.append(f"Last heard of {ago} ago; {sums.count:,} interactions came from them.")
    said += [f"Spent {money(amount)} {currency} in all." for currency, amount in sums.spent.items()]
    if sums.wants:
        said.append(
            "They want "
            + ", ".join(f"{name} ({_people(many)})" for name, many in list(sums.wants.items())[:5])
            + "."
        )
    mail = sums.may_mail
    said.append(
        f"{mail['yes']:,} may be mailed for marketing, {mail['no']:,} may not, of {mail['unknown']:,} nothing is known."
    )
    return said


def figures_of(sums: Sums, now: datetime) -> list[tuple[str, str, str]]:
    """The same in figures: what, how much, and what to hold it against."""
    if not sums.people:
        return []
    stood = ", ".join(f"{count:,} {name}" for name, count in sums.stages.items() if count)
    ago = days(max(0.0, (now - sums.last).total_seconds() / DAY)) + " ago" if sums.last else "never"
    spent = " + ".join(f"{money(amount)} {currency}" for currency, amount in sums.spent.items())
    mail = sums.may_mail
    return [
        ("People", f"{sums.people:,}", stood),
        ("Last heard of", ago, f"{sums.count:,} interactions came from them"),
        ("Spent", spent or "nothing", "in all" if spent else "no purchase is known"),
        (
            "May be mailed",
            f"{mail['yes']:,}",
            f"for marketing; {mail['no']:,} said no, {mail['unknown']:,} nothing",
        ),
    ]


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def belonging(one: Belonging) -> str:
    """`ACME (crm:A-77), buyer since 2026-01-05: crm/e12 said so`."""
    named = f"{one.called} ({one.by})"
    if one.tie is None:
        last = one.said[-1]
        if any(said.how == "no" for said in one.said):
            who = next(said.by for said in one.said if said.how == "no")
            return f"{named}: they do not belong to it, as {who} says"
        return f"{named}: {'they may belong to it: ' * (last.how == 'proposed')}{told(last)}, {last.id}"
    ends = f" until {one.tie.until:%Y-%m-%d}" if one.tie.until else ""
    return f"{named}{', ' * bool(one.tie.role)}{one.tie.role} since {one.tie.since:%Y-%m-%d}{ends}: {told(one.tie.last)}"


def related(one: Related) -> str:
    """`reports to Bo Berg since 2026-01-05: crm/e12 said so`, or `Bo Berg reports to them …`."""
    kind = one.kind.replace("_", " ")
    named = f"{kind} {one.called}" if one.way == "to" else f"{one.called} {kind} them"
    if one.tie is None:
        last = next((said for said in one.said if said.how == "no"), one.said[-1])
        return f"{named}: {'it is not so' if last.how == 'no' else 'no longer'}, {told(last)}"
    return f"{named} since {one.tie.since:%Y-%m-%d}: {told(one.tie.last)}"


def told(said: Said) -> str:
    """Who said it."""
    if said.how == "proposed":
        return "their address is of its domain"
    return f"{said.by or f'{said.source}/{said.event}'} said so"


def because(one: Evidence) -> str:
    """Why two identifiers are taken for one account's, or are not."""
    if one.by:
        return f"{one.by} said that they are {'one account' if one.how == 'same' else 'two accounts'}"
    times = f" {one.seen} times" if one.seen > 1 else ""
    how = "a source has checked both" if one.how == "verified" else "they came together"
    held = f"; joins nothing: {WHY.get(one.held, one.held)}" if one.held else ""
    return f"{how}{times}, first in {one.source}/{one.event}{held}"
