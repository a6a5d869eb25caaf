"""Whether an action may be taken for a person now; if not, by which rules, and when each of them ends. Pure.

Every rule that refuses is told, not only the first: whoever reads why nobody was written to sees all that stands against it. What is not known
refuses: consent that nobody gave, an hour that cannot be told, a country whose law may hold. An answer to what a person wrote (`REPLY`) comes at
their own wish: it needs no hour, and is held to caps and laws that name it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from remit.decisions.action import REPLY, Action, Law, Needs, Quiet, Rules
from remit.graph.consent import Consent

TAKEN_OVER = "taken over"  # the rule by which a colleague who talks with somebody is left alone with them
SILENT = Consent()  # nothing was ever said


@dataclass(frozen=True, slots=True)
class Contact:
    """That a person was reached: by whichever agent or campaign, all count."""

    at: datetime
    action: str
    channel: str
    purpose: str
    by: str = ""


@dataclass(frozen=True, slots=True)
class Suppression:
    """A person is to be left alone, on a channel or on all of them (""), until then or for good."""

    because: str
    channel: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A colleague talks with them on a channel, until then at the longest. `runs`: by which the colleague's own words go out."""

    by: str
    channel: str
    until: datetime
    runs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rules look at of a person. `zone` and `country` "" where they are not known; `profile`: the identifier at which
    they would be reached, where it is known."""

    zone: str = ""
    country: str = ""
    consent: Consent = SILENT
    contacts: tuple[Contact, ...] = ()
    suppressed: tuple[Suppression, ...] = ()
    profile: int | None = None
    taken: tuple[Taken, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """`until`: when this rule ends by itself; None where only somebody can end it. `hour`: it is against the time of the day or the day of
    the week alone, or against a colleague who talks with them: worth waiting for."""

    rule: str
    because: str
    until: datetime | None = None
    hour: bool = field(default=False, compare=False)


def refusals(
    action: Action, person: Standing, rules: Rules, now: datetime, full: Mapping[str, datetime] = {}
) -> tuple[Refusal, ...]:
    """Empty: it may be taken. `now` with a time zone; `full`: actions whose capacity is used up, until when."""
    found = list(_rest(action, person, now))
    if action.name in full and full[action.name] > now:
        found.append(Refusal("capacity", f"all that can be done of {action.name} is done", full[action.name]))
    if action.channel:
        found += _agreed(action, person, rules)
        found += _suppressed(action, person, now)
        found += _taken(action, person, now)
        found += _hours(action, person, rules, now)
        found += _caps(action, person, rules, now)
        found += _wished(action, person, now)
        found += _laws(action, person, rules, now)
    return tuple(found)


def ends(found: tuple[Refusal, ...]) -> datetime | None:
    """When the last of these rules ends; None where one of them does not end by itself. Ask again then: others may hold by that time."""
    known = [one.until for one in found if one.until is not None]
    return max(known) if known and len(known) == len(found) else None


def _rest(action: Action, person: Standing, now: datetime) -> Iterator[Refusal]:
    last = max((one.at for one in person.contacts if one.action == action.name), default=None)
    if last is not None and action.rest and last + action.rest > now:
        yield Refusal(
            "cool-down",
            f"{action.name} was done {last:%Y-%m-%d}, and rests {action.cool_down:g} days",
            last + action.rest,
        )


def _agreed(action: Action, person: Standing, rules: Rules) -> Iterator[Refusal]:
    needs = rules.consent.get(action.purpose, "not no" if action.purpose == REPLY else "yes")
    if why := _missing(needs, action, person):
        yield Refusal("consent", why)


def _missing(needs: Needs, action: Action, person: Standing) -> str:
    answer = person.consent.may(action.channel, action.purpose, person.profile)
    if answer.says == "no":
        dead = answer.word is not None and answer.word.only
        return "what was sent there came back" if dead else f"said no to {action.purpose} by {action.channel}"
    never = needs == "yes" and answer.says != "yes"
    return f"never said yes to {action.purpose} by {action.channel}" if never else ""


def _suppressed(action: Action, person: Standing, now: datetime) -> Iterator[Refusal]:
    for one in person.suppressed:
        if one.channel in ("", action.channel) and (one.until is None or one.until > now):
            yield Refusal("suppressed", one.because, one.until)


def _taken(action: Action, person: Standing, now: datetime) -> Iterator[Refusal]:
    for one in person.taken:
        if one.channel == action.channel and one.until > now:
            yield Refusal(TAKEN_OVER, f"{one.by} talks with them by {one.channel} now", one.until, hour=True)


def _hours(action: Action, person: Standing, rules: Rules, now: datetime) -> Iterator[Refusal]:
    for quiet in rules.quiet:
        if action.purpose != REPLY and _of(action.channel, quiet.channels):
            yield from _quiet("quiet hours", quiet, person, rules, now)


def _quiet(rule: str, quiet: Quiet, person: Standing, rules: Rules, now: datetime) -> Iterator[Refusal]:
    zone = _zone(person, rules)
    if zone is None:
        yield Refusal(rule, "the person's time zone is not known, and the rules name none for such people")
        return
    local = now.astimezone(zone)
    at = local.time()
    night = quiet.start > quiet.end
    within = at >= quiet.start or at < quiet.end if night else quiet.start <= at < quiet.end
    if within:
        day = local.date() + timedelta(days=1) if night and at >= quiet.start else local.date()
        until = _reached(day, quiet.end, zone, now)
        yield Refusal(
            rule,
            f"it is {at:%H:%M} for them: quiet from {quiet.start:%H:%M} to {quiet.end:%H:%M}",
            until,
            hour=True,
        )


def _reached(day: date, at: time, zone: ZoneInfo, now: datetime) -> datetime:
    """When the clock of `zone` shows this; where it shows it twice, the one that is still to come."""
    first = datetime.combine(day, at, zone)
    found = (first, first.replace(fold=1))
    return next((one for one in (moment.astimezone(now.tzinfo) for moment in found) if one > now), now)


def _zone(person: Standing, rules: Rules) -> ZoneInfo | None:
    for name in (person.zone, rules.zone):
        if name:
            with suppress(ValueError, OSError, ZoneInfoNotFoundError):
                return ZoneInfo(name)
    return None


def _caps(action: Action, person: Standing, rules: Rules, now: datetime) -> Iterator[Refusal]:
    for cap in rules.caps:
        if not _of(action.channel, cap.channels) or not _for(action.purpose, cap.purposes):
            continue
        window = timedelta(days=cap.days)
        lately = sorted(
            one.at for one in person.contacts
            if one.channel and one.at + window > now and _of(one.channel, cap.channels) and _for(one.purpose, cap.purposes)
        )  # fmt: skip
        if len(lately) >= cap.count:
            until = lately[len(lately) - cap.count] + window if cap.count else None
            yield Refusal(
                f"cap {cap.name}",
                f"reached {len(lately)} times in {cap.days:g} days, at most {cap.count}",
                until,
            )


def _wished(action: Action, person: Standing, now: datetime) -> Iterator[Refusal]:
    """What they themselves have said of how often."""
    for count, days in person.consent.limits(action.channel, action.purpose):
        lately = sorted(
            one.at for one in person.contacts
            if (one.channel, one.purpose) == (action.channel, action.purpose) and one.at + timedelta(days=days) > now
        )  # fmt: skip
        if len(lately) >= count:
            until = lately[len(lately) - count] + timedelta(days=days)
            yield Refusal("own wish", f"they want at most {count} in {days:g} days", until)


def _laws(action: Action, person: Standing, rules: Rules, now: datetime) -> Iterator[Refusal]:
    for law in rules.laws:
        here = not law.countries or not person.country or person.country in law.countries
        if not here or not _of(action.channel, law.channels) or not _for(action.purpose, law.purposes):
            continue
        name = f"law {law.name}"
        if law.consent and (why := _missing(law.consent, action, person)):
            yield Refusal(name, f"{why}{'; ' if law.because else ''}{law.because}")
        if law.quiet:
            yield from _quiet(name, law.quiet, person, rules, now)
        yield from _weekday(name, law, person, rules, now)


def _weekday(rule: str, law: Law, person: Standing, rules: Rules, now: datetime) -> Iterator[Refusal]:
    if len(set(law.weekdays)) == 7:
        return
    zone = _zone(person, rules)
    if zone is None:
        yield Refusal(rule, "the person's time zone is not known, and the rules name none for such people")
        return
    today = now.astimezone(zone).date()
    if today.isoweekday() not in law.weekdays:
        days = next(
            ahead for ahead in range(1, 8) if (today + timedelta(days=ahead)).isoweekday() in law.weekdays
        )
        until = _reached(today + timedelta(days=days), time(), zone, now)
        yield Refusal(rule, f"not on a {today:%A}", until, hour=True)


def _of(one: str, some: tuple[str, ...]) -> bool:
    return not some or one in some


def _for(purpose: str, some: tuple[str, ...]) -> bool:
    return _of(purpose, some) if purpose != REPLY else purpose in some
