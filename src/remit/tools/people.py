"""Looking at people in the conversation graph. Of what is read there, the identifiers that a source has checked are what a trusted source said, and so evidence;
what people are called, say and wrote are strangers' words, with their source. All of it is that person's, and goes to nobody else."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from remit.errors import Mend, UserError
from remit.gate.fields import REST
from remit.gate.purposes import Purposes, common, joined
from remit.gate.purposes import told as told_of
from remit.gate.unseen import shown
from remit.tools.decorate import tool
from remit.tools.tool import Integrity, Json, Labelled, ToolContext

if TYPE_CHECKING:  # heavy, and needed by no list of tools
    from remit.graph.accounts.look import Member
    from remit.graph.accounts.relations import Related
    from remit.graph.people import Event, Person
    from remit.graph.purposes import Limits
    from remit.graph.wants import Want

SHOWN = 4_000  # characters of a text


@tool(effect="read")
async def person(context: ToolContext, who: Annotated[str, Field(min_length=1, max_length=320)]) -> Json:
    """Who somebody is, by any identifier: their checked addresses and numbers, what was said of them, how they stand with us
    and how what they write sounds (`state`), what they want (`wants`, the surest first, as far as it was inferred), to what they belong (`accounts`) and how they stand to others
    (`relations`), and whether they may be written to (`consent`; what is not named there, nobody has consented to).

    Args:
        who: An e-mail address, a telephone number, another identifier with its kind (customer:C1042), or a person's number.
    """
    from remit.graph.purposes import meant
    from remit.graph.words import consented, felt, stated

    found = await _found(context, who)
    assert context.circle is not None
    limits, consent = await context.circle.limits(found)
    reading = await context.circle.reading(found, context.now(), limits, context.purposes)
    checked = _checked(found)
    value: dict[str, Json] = dict(checked)
    value["state"] = stated(reading) if reading else ["Nothing has come from them."]
    wants = limits.wants(context.purposes)
    if wants and (feeling := await context.circle.feeling(found, context.now())):
        value["state"].append(felt(feeling))
    value["wants"] = [_want(one) for one in await context.circle.wants(found, context.now())] if wants else []
    value["consent"] = [{"says": says, "of": of} for says, of in consented(consent)]
    ties, allowed = await _ties(context, found, limits)
    value["said"], withheld, shares = _said(context, found.about, limits.about)
    withheld |= {} if wants else {"wants": limits.known("intent") or frozenset()}
    withheld |= {name: limit for name, limit in allowed.items() if not meant(limit, context.purposes)}
    value |= ties | _withheld(withheld, context.purposes)
    value["unchecked"] = [one.key for one in found.profiles if one.key not in _keys(found)]
    sources = sorted({said[2] for said in found.about.values()})
    inferred = _gathered(context, limits, limits.known("intent"))
    shares |= {name: limit for name, limit in allowed.items() if name not in withheld}
    shares |= {"wants": inferred, "state": inferred}
    return _labelled(
        value,
        checked,
        f"the graph: {', '.join(map(shown, sources)) or 'nobody'} said what they are called",
        shares,
    )


@tool(effect="read")
async def timeline(
    context: ToolContext,
    who: Annotated[str, Field(min_length=1, max_length=320)],
    before: str = "",
    limit: Annotated[int, Field(ge=1, le=100)] = 20,
) -> Json:
    """What happened to somebody on every channel, the last first: what they did, wrote and bought, and what was sent to them.

    Args:
        who: As `person` takes it.
        before: Only what happened before this time, as 2026-05-01T10:00:00Z: the `at` of the last one reads on.
        limit: Interactions at most.
    """
    from remit.graph.purposes import meant

    found = await _found(context, who)
    assert context.circle is not None
    events = await context.circle.timeline(found, _time(before), limit)
    checked = _checked(found)
    limits, _ = await context.circle.limits(found)
    of = {one.id: limits.happened(one.kind, one.channel) for one in events}
    shown_ = [one for one in events if meant(of[one.id], context.purposes)]
    value: dict[str, Json] = {**checked, "happened": [_event(one) for one in shown_]}
    kept = {f"{one.kind} on {one.channel}": of[one.id] for one in events if one not in shown_}
    value |= _withheld(kept, context.purposes)
    sources = sorted({one.source for one in shown_})
    told = f"the graph: what {', '.join(map(shown, sources)) or 'nobody'} told"
    return _labelled(value, checked, told, {"happened": common(of[one.id] for one in shown_)})


@tool(effect="read")
async def similar(
    context: ToolContext,
    who: Annotated[str, Field(min_length=1, max_length=320)],
    limit: Annotated[int, Field(ge=1, le=50)] = 10,
) -> Json:
    """People who are most like somebody: in what they do and where, how they stand with us, and what they want. Of each the number, which
    `person` and `timeline` take, how alike (0 to 1), in what, and what they want. `compared`: with how many people.

    Args:
        who: As `person` takes it.
        limit: People at most.
    """
    from remit.graph.purposes import Limits

    found = await _found(context, who)
    assert context.circle is not None
    limits, _ = await context.circle.limits(found)
    if against := [
        f"{part} {name}"
        for part in ("kind", "channel", "known")
        for name in Limits(limits.of).against(part, context.purposes)
    ]:
        what = f"{', '.join(against)} may not be used for {told_of(context.purposes)}, and people are compared by all of it"
        raise Mend(f"who is like them is not told: {what}")
    likes = await context.circle.similar(found, context.now(), limit)
    checked = _checked(found)
    people = [
        {
            "id": str(one.person),
            "likeness": one.likeness,
            "alike_in": list(one.shared),
            "wants": [_want(want) for want in one.wants],
        }
        for one in likes.people
    ]
    levels: dict[str, Integrity] = {REST: "untrusted", **dict.fromkeys((*checked, "people[].id"), "system")}
    inferred = _gathered(context, limits, limits.known("intent"))
    whose = {REST: f"person:{','.join(checked)}", "people[]": joined("person:id", inferred)}
    value = {**checked, "compared": likes.compared, "people": people}
    return Labelled(value, "untrusted", levels, whose, "the graph: what was heard of people")


@tool(effect="read")
async def account(
    context: ToolContext,
    which: Annotated[str, Field(min_length=1, max_length=320)],
    limit: Annotated[int, Field(ge=1, le=100)] = 20,
) -> Json:
    """What people belong to, as a company or a household: its checked identifiers, who belongs to it and as what, and what its people come
    to together (`state`). Of each of them the number, which `person` and `timeline` take.

    Args:
        which: A domain (acme.example), another identifier with its kind (crm:A-77), or an account's number.
        limit: People at most.
    """
    from remit.graph.accounts.words import summed
    from remit.graph.purposes import BELONGS, meant

    if context.circle is None:
        raise Mend("there are no people that you may look at")
    try:
        found = await context.circle.account(which)
    except UserError as error:
        raise Mend(str(error)) from error
    now, limits = context.now(), await context.circle.limits_of_all()
    belongs = limits.stands(BELONGS)
    named = meant(limits.about("name"), context.purposes)
    checked = {"id": str(found.id)} | {
        one.kind: one.value for one in reversed(found.names) if one.verified and not one.shared
    }
    listed = await context.circle.members(found, now, limit) if meant(belongs, context.purposes) else []
    sums = await context.circle.sums(found, now, limits, context.purposes)
    said, withheld, shares = _said(context, found.about, limits.account)
    withheld |= {} if meant(belongs, context.purposes) else {"people": belongs}
    value: dict[str, Json] = {**checked, "state": summed(sums, now), "said": said}
    value |= {"people": [_member(one, named) for one in listed]} | _withheld(withheld, context.purposes)
    shares["state"] = _gathered(context, limits, limits.known("intent"), limits.known("spent"))
    theirs = common([belongs, limits.about("name") if named else None])
    levels: dict[str, Integrity] = {REST: "untrusted", **dict.fromkeys((*checked, "people[].id"), "system")}
    # What they come to together is of several, and so nobody's; what the account is known by is of the workspace
    whose = {REST: "person", **dict.fromkeys(checked, "workspace"), "people[]": joined("person:id", theirs)}
    whose |= {name: joined("person", limit) for name, limit in shares.items()}
    return Labelled(
        value, "untrusted", levels, whose, "the graph: what was said of an account and its people"
    )


async def _found(context: ToolContext, who: str) -> Person:
    """Raises Mend."""
    if context.circle is None:
        raise Mend("there are no people that you may look at")
    try:
        return await context.circle.person(who)
    except UserError as error:
        raise Mend(str(error)) from error


def _keys(found: Person) -> set[str]:
    return {one.key for one in found.profiles if one.verified and not one.shared}


def _checked(found: Person) -> dict[str, Json]:
    """Their number, and each identifier that a source has checked, as a field of its own: `email`, `email_2`, …"""
    named: dict[str, Json] = {"id": str(found.id)}
    for one in found.profiles:
        if one.key in _keys(found):
            count = 1 + sum(name.rpartition("_")[0] == one.kind or name == one.kind for name in named)
            named[one.kind if count == 1 else f"{one.kind}_{count}"] = one.value
    return named


def _labelled(
    value: Json, checked: dict[str, Json], source: str, shares: Mapping[str, Purposes] = {}
) -> Labelled:
    """`shares`: fields that may not be used for everything."""
    levels: dict[str, Integrity] = {REST: "untrusted", **dict.fromkeys(checked, "system")}
    whose = {REST: f"person:{','.join(checked)}"}
    whose |= {name: joined(whose[REST], limit) for name, limit in shares.items() if limit is not None}
    if "relations" in value:  # of others, each that person's
        levels["relations[].id"] = "system"
        whose["relations[]"] = joined("person:id", shares.get("relations"))
    return Labelled(value, "untrusted", levels, whose, source)


def _said(
    context: ToolContext, about: Mapping[str, list[Json]], limit: Callable[[str], Purposes]
) -> tuple[dict[str, Json], dict[str, Purposes], dict[str, Purposes]]:
    """Of attributes those that may be used here; those that are left out, by their limits; and for what the former may be used."""
    from remit.graph.purposes import meant

    limits = {key: limit(key) for key in about}
    shown_ = {key: said[0] for key, said in about.items() if meant(limits[key], context.purposes)}
    withheld = {f"said.{key}": limits[key] for key in about if key not in shown_}
    return shown_, withheld, {"said": common(limits[key] for key in shown_)}


async def _ties(
    context: ToolContext, found: Person, limits: Limits
) -> tuple[dict[str, Json], dict[str, Purposes]]:
    """To what they belong and how they stand to others, as far as that may be used here; and the limits of both, and of what is left out."""
    from remit.graph.accounts.words import belonging
    from remit.graph.purposes import BELONGS, Limits, meant

    assert context.circle is not None
    alone = Limits(limits.of)  # of others as well, who have not allowed what this person has
    ties = await context.circle.ties(found, context.now())
    belong, others = [one for one in ties[0] if one.tie], [one for one in ties[1] if one.tie]
    to = common([limits.stands(BELONGS), limits.account("name")])
    named = meant(alone.about("name"), context.purposes)
    kinds = {one.kind: alone.stands(one.kind) for one in others}
    may = {kind for kind, limit in kinds.items() if meant(limit, context.purposes)}
    value: dict[str, Json] = {
        "accounts": [belonging(one) for one in belong] if meant(to, context.purposes) else [],
        "relations": [_relation(one, named) for one in others if one.kind in may],
    }
    shares = {"accounts": to} if belong else {}
    shares |= {f"relations.{kind}": limit for kind, limit in kinds.items() if kind not in may}
    told = [kinds[kind] for kind in may] + ([alone.about("name")] if named else [])
    return value, shares | {"relations": common(told)}


def _gathered(context: ToolContext, limits: Limits, *more: Purposes) -> Purposes:
    """For what that may be used which is gathered of all that may be used here: a limit that this run keeps goes with it."""
    from remit.graph.purposes import meant

    kept = [limit for limit in more if meant(limit, context.purposes)]
    return common([limits.gathered(context.purposes), *kept])


def _member(one: Member, named: bool) -> dict[str, Json]:
    """`named`: what people are called may be used here."""
    told = {"id": str(one.person), "role": one.tie.role, "since": one.tie.since.isoformat()}
    return told | ({"called": one.called} if named else {})


def _relation(one: Related, named: bool) -> dict[str, Json]:
    """`way`: `to`, they report to that person; `from`, that person to them."""
    told = {"id": str(one.person), "kind": one.kind, "way": one.way}
    return told | ({"called": one.called} if named else {})


def _withheld(fields: Mapping[str, Purposes], purposes: Collection[str]) -> dict[str, Json]:
    """What is left out, and why, in words."""
    if not fields:
        return {}
    why = f"this run is for {told_of(purposes)}"
    return {
        "withheld": {shown(name): f"for {told_of(limit or ())} only: {why}" for name, limit in fields.items()}
    }


def _want(one: Want) -> dict[str, Json]:
    return {
        "intent": one.intent,
        "sure": round(one.confidence, 2),
        "since": one.at.isoformat(),
        "because": one.because,
    }


def _event(one: Event) -> dict[str, Json]:
    told: dict[str, Json] = {
        "at": one.at.isoformat(), "channel": one.channel, "direction": one.direction, "kind": one.kind, "source": one.source,
        "subject": one.subject, "text": one.body[:SHOWN], "conversation": one.conversation,
    }  # fmt: skip
    if one.value is not None:
        told["value"] = f"{one.value.normalize():f} {one.currency}"
    if one.properties:
        told["properties"] = dict(one.properties)
    return {key: item for key, item in told.items() if item != ""}


def _time(text: str) -> datetime | None:
    """Raises Mend."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Mend(f"before: {text[:40]!r} is no time: 2026-05-01T10:00:00Z") from error
    if at.tzinfo is None:
        raise Mend(f"before: {text[:40]!r} has no time zone: 2026-05-01T10:00:00Z")
    return at


TOOLS = (person, timeline, similar, account)
