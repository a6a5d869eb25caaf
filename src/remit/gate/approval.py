"""Who may say yes to what is asked, and when enough of them have. Pure: what was asked holds its own terms, frozen then.

- Names are compared whatever their case, and exactly: who is named by e-mail answers by that e-mail.
- Where more than one person must say yes, two names that may be one person count once (`ann`, `ann@a.example` and
  `ann+x@a.example`), and whom the run acts for does not count at all: nobody is their own second person.
- One no ends it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal, TypedDict

from pydantic_core import to_json

from remit.errors import NotWaiting, UserError
from remit.gate.proposal import Terms
from remit.gate.quiet import later
from remit.gate.remembered import Bound
from remit.gate.standing import GROUP, Circle, Hours, asked_about, key, loops, quiet_of, same
from remit.gate.unseen import has_unseen
from remit.journal.events import Asked, Endorsed, Person, Replied
from remit.journal.state import CallState, State

Decision = Literal["approve", "reject", "answer"]
NOBODY = f"{GROUP}nobody"  # who may decide what two rules ask different people about
ALONE = Circle()  # nobody speaks for anybody, and no yes has a limit
_EVER = datetime.max.replace(tzinfo=UTC)
EXPIRY = timedelta(days=7)  # of an approval nobody answers


class Frozen(TypedDict, total=False):
    """The fields of an Asked that hold its terms."""

    expires: datetime
    by: list[str]
    persons: int
    escalates: datetime
    to: list[str]
    urgent: bool


def frozen(
    terms: Terms | None,
    at: datetime,
    groups: Mapping[str, Sequence[str]],
    hours: Sequence[Hours] = (),
) -> Frozen:
    """The terms of a question that is asked at `at`: groups by their members then, times by the clock, which stands still in
    the quiet `hours` of those who are asked. A group that has no members keeps its name, which is nobody's: a question for
    nobody is not one for everybody."""
    if terms is None:
        return {"expires": at + EXPIRY}
    several = _several(terms)
    expiry = min((one.expires for one in several if one.expires is not None), default=EXPIRY)
    fields: Frozen = {"persons": max(one.persons for one in several)}
    if any(one.urgent for one in several):
        fields["urgent"], hours = True, ()
    named = [one for one in several if one.by]
    if by := _of_all([_members(one.by, groups) for one in named]):
        fields["by"] = by
    start, left, asked = at, expiry, by
    if after := [one.after for one in named if one.after is not None]:
        whom = [one.by if one.after is None else (*one.by, *one.to) for one in named]
        late = _of_all([_members(names, groups) for names in whom])
        to = [name for name in late if name not in by and name != NOBODY]
        if to:
            fields |= {"escalates": later(at, max(after), quiet_of(by, hours)), "to": to}
        if to and expiry > max(after):
            start, left, asked = fields["escalates"], expiry - max(after), [*by, *to]
    fields["expires"] = later(start, left, quiet_of(asked, hours))
    return fields


def _several(terms: Terms) -> list[Terms]:
    """Of each rule that asks."""
    return [replace(terms, also=None), *(_several(terms.also) if terms.also else ())]


def _of_all(lists: Sequence[Sequence[str]]) -> list[str]:
    """Who is named by each of several rules; NOBODY where none is, and nothing where there are no rules that name anybody."""
    if not lists:
        return []
    others = [set(map(key, one)) for one in lists[1:]]
    return [name for name in lists[0] if all(key(name) in other for other in others)] or [NOBODY]


def unknown_groups(names: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Groups among the names that have no members."""
    return [name for name in names if name.startswith(GROUP) and not groups.get(name.removeprefix(GROUP))]


def terms_of(state: State, asked: Asked) -> Asked:
    """What is asked, with the terms that hold for it. What became of a call, and whether to do it again, is for those who
    could say yes to it."""
    if asked.kind != "doubt":
        return asked
    asks = [a for a in state.asked.values() if a.call_id == asked.call_id and a.kind == "approval"]
    if not asks:
        return asked
    then = asks[-1]
    update = {"by": then.by, "persons": then.persons, "escalates": then.escalates, "to": then.to}
    return asked.model_copy(update=update)


def seal(asked: Asked) -> str:
    """What a person's word is bound to, wherever they were shown it: the digest of the call, or of the words where no call
    is asked about."""
    return asked.digest or "sha256:" + hashlib.sha256(to_json([asked.ask_id, asked.text])).hexdigest()


def decided(
    asked: Asked,
    endorsed: Sequence[Endorsed],
    person: Person,
    decision: Decision,
    by: str,
    text: str,
    now: datetime,
    circle: Circle = ALONE,
) -> Replied | Endorsed:
    """A person's word, as the event that it is: an Endorsed where others must say yes as well. `circle`: who may speak for
    whom, and how far. Raises NotWaiting where it comes too late or twice, UserError where it is not theirs to say."""
    if asked.expires is not None and asked.expires <= now:
        raise NotWaiting(f"{asked.ask_id} expired at {asked.expires.isoformat()}")
    if asked.kind == "approval" and decision == "answer":
        raise UserError(f"{asked.ask_id} wants approve or reject")
    if decision == "approve" and any(key(one.by) == key(by) for one in endorsed):
        raise NotWaiting(f"{by} has said yes to {asked.ask_id} already; {missing(asked, endorsed)}")
    ways = circle.stands_for(by, now)
    if why := refused(asked, endorsed, person, decision, by, now, tuple(ways)):
        raise UserError(f"{asked.ask_id}: {why}")
    if decision == "approve" and (why := _too_far(asked, by, ways, circle, now)):
        raise UserError(f"{asked.ask_id}: {why}")
    if decision == "approve" and len(endorsed) + 1 < asked.persons:
        return Endorsed(ask_id=asked.ask_id, by=by, text=text, instead=list(ways))
    return Replied(ask_id=asked.ask_id, decision=decision, by=by, text=text, instead=list(ways))


def refused(
    asked: Asked,
    endorsed: Sequence[Endorsed],
    person: Person,
    decision: Decision,
    by: str,
    now: datetime,
    instead: Sequence[str] = (),
) -> str:
    """Why a person may not say that; empty where they may. `instead`: for whom else they speak."""
    if nobody(by):
        return "say who you are, by REMIT_USER"
    names = (by, *instead)
    if asked.by and not _any_of(names, asked.by):
        if not _any_of(names, asked.to) or asked.escalates is None:
            return f"{by} may not decide that; it wants {needs(asked)}"
        if now < asked.escalates:
            return f"{by} may decide that from {asked.escalates.isoformat()} on"
    if decision == "approve" and asked.persons > 1:
        if found := _one_person(names, (person.id, person.email, person.by)):
            who = by if same(by, found) else f"{found}, for whom {by} speaks"
            return f"the run acts for {who}: {asked.persons} other people must say yes"
        for one in endorsed:
            if found := _one_person(names, (one.by, *one.instead)):
                if same(by, one.by):
                    return f"{by} may be {one.by}, who has said yes already; {missing(asked, endorsed)}"
                return (
                    f"{by} and {one.by} count as one, by what {found} handed over; {missing(asked, endorsed)}"
                )
    return ""


def _too_far(asked: Asked, by: str, ways: Mapping[str, Sequence[str]], circle: Circle, now: datetime) -> str:
    """Why a yes goes further than whoever says it may; empty where it does not. In the place of another it goes as far as
    every one on the way from them may."""
    late = asked.escalates is not None and asked.escalates <= now
    named = (*asked.by, *(asked.to if late else ()))
    chains: list[tuple[str, ...]] = [(by,)] if not asked.by or _any_of((by,), named) else []
    chains += [(by, *way, one) for one, way in ways.items() if asked.by and _any_of((one,), named)]
    over = [next((why for name in chain if (why := circle.over(name))), "") for chain in chains]
    if not chains or "" in over:
        return ""
    known = (asked.by and named) or [who for one in circle.limits for who in one.who if who != "*"]
    others = [name for name in dict.fromkeys(circle.within(known)) if not same(name, by)]
    who = f"; {' or '.join(others)} may" if others else "; nobody who is asked may"
    return f"{over[0]}{who}"


def enough(asked: Asked, endorsed: Sequence[Endorsed], person: Person, reply: Replied) -> str:
    """Why the yeses do not allow it, whoever wrote them down; empty where they do. When each was said is not asked again."""
    words = [*endorsed, Endorsed(ask_id=asked.ask_id, by=reply.by, instead=reply.instead)]
    for number, word in enumerate(words):
        if why := refused(asked, words[:number], person, "approve", word.by, _EVER, word.instead):
            return why
    return "" if len(words) >= asked.persons else missing(asked, words)


def not_for_good(asked: Asked, by: str, bounds: Sequence[Bound], circle: Circle) -> str:
    """Why a person's yes may not be for good, though it may be for this call; empty where it may. What is remembered speaks
    for nobody who is only away, and goes no further than the limit of whoever said it, whatever the later call is."""
    if asked.by and not _any_of((by,), (*asked.by, *asked.to)):
        return f"{by} decides in somebody's place, and not for good"
    for limit in circle.limits_of(by):
        if any(path[0] != "args" or len(path) < 2 for path in asked_about(limit)):
            continue
        named = {bound.argument for bound in bounds}
        if not {path[1] for path in asked_about(limit)} <= named:
            continue
        most = {bound.argument: float(bound.most) for bound in bounds if bound.most}
        args = {**circle.facts.get("args", {}), **most}
        if limit.allows(circle.tool, {**circle.facts, "args": args}):
            return ""
    return (
        f"{by} may say yes only so far, and what is remembered must stay within that"
        if circle.limits_of(by)
        else ""
    )


def nobody(by: str) -> bool:
    """Whether a name is no person's."""
    return not key(by) or key(by).startswith(GROUP) or has_unseen(key(by))


def may_hand_over(asked: Asked, by: str, to: str, circle: Circle, now: datetime) -> str:
    """Why a person may not let another decide in their place; empty where they may."""
    if not asked.by:
        return "anybody may decide that; nothing has to be handed over"
    if nobody(to):
        return f"{to!r} is nobody: name a person by id or e-mail"
    if why := refused(asked, (), Person(), "reject", by, _EVER, tuple(circle.stands_for(by, now))):
        return why
    if why := loops(by, to, circle.handovers, now):
        return f"{to} cannot decide in your place: {why}"
    return ""


def _any_of(names: Sequence[str], among: Sequence[str]) -> bool:
    return not {key(name) for name in names}.isdisjoint(map(key, among))


def _one_person(names: Sequence[str], others: Sequence[str]) -> str:
    """The first of the names that may be one of the others'; empty where none may."""
    return next((name for name in names if any(same(name, other) for other in others)), "")


def needs(asked: Asked) -> str:
    """In words, whose yes is wanted; empty where it is anybody's."""
    who = " or ".join(asked.by) if asked.persons == 1 else ", ".join(asked.by)
    if asked.persons > 1:
        who = f"{asked.persons} people of {who}" if who else f"{asked.persons} people"
    elif who:
        who = f"a yes of {who}"
    if asked.escalates is not None and asked.to:
        who += f"; from {asked.escalates.astimezone():%d %b %H:%M} on also {', '.join(asked.to)}"
    return who


def missing(asked: Asked, endorsed: Sequence[Endorsed]) -> str:
    left = asked.persons - len(endorsed)
    return f"{left} more {'person' if left == 1 else 'people'} must say yes"


def endorsed_of(call: CallState | None, asked: Asked) -> list[Endorsed]:
    """The yeses to what is asked that were not enough by themselves, first first."""
    return [one for one in call.endorsed if one.ask_id == asked.ask_id] if call else []


def _members(names: Sequence[str], groups: Mapping[str, Sequence[str]]) -> list[str]:
    found: dict[str, None] = {}
    for name in names:
        members = groups.get(name.removeprefix(GROUP), ()) if name.startswith(GROUP) else ()
        found |= dict.fromkeys(members or (name,))
    return list(found)
