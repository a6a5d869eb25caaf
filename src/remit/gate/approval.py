"""Who may say yes to what is asked, and when enough of them have. Pure: what was asked holds its own terms, frozen then.

- Names are compared whatever their case, and exactly: who is named by e-mail answers by that e-mail.
- Where more than one person must say yes, two names that may be one person count once (`ann`, `ann@a.example` and
  `ann+x@a.example`), and whom the run acts for does not count at all: nobody is their own second person.
- One no ends it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Literal, TypedDict

from remit.errors import NotWaiting, UserError
from remit.gate.proposal import Terms
from remit.gate.unseen import has_unseen
from remit.journal.events import Asked, Endorsed, Person, Replied
from remit.journal.state import CallState, State

Decision = Literal["approve", "reject", "answer"]
GROUP = "group:"  # before the name of a group of people in the settings
NOBODY = f"{GROUP}nobody"  # who may decide what two rules ask different people about
_EVER = datetime.max.replace(tzinfo=UTC)
EXPIRY = timedelta(days=7)  # of an approval nobody answers


class Frozen(TypedDict, total=False):
    """The fields of an Asked that hold its terms."""

    expires: datetime
    by: list[str]
    persons: int
    escalates: datetime
    to: list[str]


def frozen(terms: Terms | None, at: datetime, groups: Mapping[str, Sequence[str]]) -> Frozen:
    """The terms of a question that is asked at `at`: groups by their members then, times by the clock. A group that has no
    members keeps its name, which is nobody's: a question for nobody is not one for everybody."""
    if terms is None:
        return {"expires": at + EXPIRY}
    several = _several(terms)
    expiry = min((one.expires for one in several if one.expires is not None), default=EXPIRY)
    fields: Frozen = {"expires": at + expiry, "persons": max(one.persons for one in several)}
    named = [one for one in several if one.by]
    if by := _of_all([_members(one.by, groups) for one in named]):
        fields["by"] = by
    if after := [one.after for one in several if one.after is not None]:
        late = _of_all([_members((*one.by, *one.to), groups) for one in named])
        to = [name for name in late if name not in by and name != NOBODY]
        fields |= {"escalates": at + max(after), "to": to} if to else {}
    return fields


def _several(terms: Terms) -> list[Terms]:
    """Of each rule that asks."""
    return [replace(terms, also=None), *(_several(terms.also) if terms.also else ())]


def _of_all(lists: Sequence[Sequence[str]]) -> list[str]:
    """Who is named by each of several rules; NOBODY where none is, and nothing where there are no rules that name anybody."""
    if not lists:
        return []
    others = [set(map(_name, one)) for one in lists[1:]]
    return [name for name in lists[0] if all(_name(name) in other for other in others)] or [NOBODY]


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


def decided(
    asked: Asked,
    endorsed: Sequence[Endorsed],
    person: Person,
    decision: Decision,
    by: str,
    text: str,
    now: datetime,
) -> Replied | Endorsed:
    """A person's word, as the event that it is: an Endorsed where others must say yes as well. Raises NotWaiting where it
    comes too late or twice, UserError where it is not theirs to say."""
    if asked.expires is not None and asked.expires <= now:
        raise NotWaiting(f"{asked.ask_id} expired at {asked.expires.isoformat()}")
    if asked.kind == "approval" and decision == "answer":
        raise UserError(f"{asked.ask_id} wants approve or reject")
    if decision == "approve" and any(_name(one.by) == _name(by) for one in endorsed):
        raise NotWaiting(f"{by} has said yes to {asked.ask_id} already; {missing(asked, endorsed)}")
    if why := refused(asked, endorsed, person, decision, by, now):
        raise UserError(f"{asked.ask_id}: {why}")
    if decision == "approve" and len(endorsed) + 1 < asked.persons:
        return Endorsed(ask_id=asked.ask_id, by=by, text=text)
    return Replied(ask_id=asked.ask_id, decision=decision, by=by, text=text)


def refused(
    asked: Asked, endorsed: Sequence[Endorsed], person: Person, decision: Decision, by: str, now: datetime
) -> str:
    """Why a person may not say that; empty where they may."""
    who = _name(by)
    if not who or who.startswith(GROUP) or has_unseen(who):
        return "say who you are, by REMIT_USER"
    if asked.by and who not in map(_name, asked.by):
        if who not in map(_name, asked.to) or asked.escalates is None:
            return f"{by} may not decide that; it wants {needs(asked)}"
        if now < asked.escalates:
            return f"{by} may decide that from {asked.escalates.isoformat()} on"
    if decision == "approve" and asked.persons > 1:
        if any(same(by, name) for name in (person.id, person.email)):
            return f"the run acts for {by}: {asked.persons} other people must say yes"
        for one in endorsed:
            if same(by, one.by):
                return f"{by} may be {one.by}, who has said yes already; {missing(asked, endorsed)}"
    return ""


def enough(asked: Asked, endorsed: Sequence[Endorsed], person: Person, reply: Replied) -> str:
    """Why the yeses do not allow it, whoever wrote them down; empty where they do. When each was said is not asked again."""
    words = [*endorsed, Endorsed(ask_id=asked.ask_id, by=reply.by)]
    for number, word in enumerate(words):
        if why := refused(asked, words[:number], person, "approve", word.by, _EVER):
            return why
    return "" if len(words) >= asked.persons else missing(asked, words)


def same(one: str, other: str) -> bool:
    """Whether two names may be one person's."""
    (a, at_a), (b, at_b) = _parted(one), _parted(other)
    return bool(a) and a == b and (at_a == at_b or not at_a or not at_b)


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


def _name(by: str) -> str:
    return by.strip().casefold()


def _parted(by: str) -> tuple[str, str]:
    """The name before the @, without what is added to it, and what follows the @."""
    local, _, domain = _name(by).partition("@")
    return local.partition("+")[0], domain
