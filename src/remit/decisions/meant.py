"""What is known of people and may be used for what a playbook is for: what may not, is not asked about, and is not known when it decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from remit.decisions.action import REPLY, SERVICE, Action, Playbook
from remit.decisions.whom import NAMES, OF_ACCOUNT, WITHIN
from remit.decisions.whom import meant as meant_by
from remit.errors import UserError
from remit.gate.purposes import common, told
from remit.graph.people import Person
from remit.graph.purposes import Limits, meant
from remit.graph.segment import About, Condition, Did, Feels, Segment, Spent, Wants

INFERRED = ("intent", "feeling")  # of what they wrote and do


def purposes_of(actions: Iterable[Action]) -> frozenset[str]:
    """An answer to what a person wrote is a service; to do nothing is for nothing."""
    some = (one for one in actions if one.does not in ("wait", "nothing"))
    return frozenset(SERVICE if one.purpose == REPLY else one.purpose for one in some)


def check(book: Playbook, limits: Limits, segments: Mapping[str, Segment]) -> None:
    """Raises UserError for a condition on what may not be used for what the playbook does. `segments`: those that it names."""
    purposes = purposes_of(book.actions)
    for name, segment in segments.items():
        for one in segment.conditions:
            if not _may_ask(one, limits, purposes):
                why = f"asks for {one.words}, which may not be used for {told(purposes)}"
                raise UserError(f"whom: segment={name} {why}, what this playbook is for")
    for condition in book.whom:
        place, _, _, key = meant_by(condition)
        if place == WITHIN:
            continue
        name = key if place == OF_ACCOUNT else NAMES[place]
        limit = limits.about(key) if place == OF_ACCOUNT else limits.known(name)
        inferred = name in INFERRED and place != OF_ACCOUNT
        if not meant(limit, purposes) or (inferred and not limits.wants(purposes)):
            rest = (
                f"{name} may be used for {told(limit)}"
                if limit is not None
                else "what they wrote and do may not"
            )
            raise UserError(f"whom: {condition}: this playbook is for {told(purposes)}, and {rest}")


def _may_ask(one: Condition, limits: Limits, purposes: frozenset[str]) -> bool:
    match one:
        case About():
            return meant(limits.about(one.key), purposes)
        case Did():
            return meant(limits.happened(one.kind, one.channel), purposes)
        case Wants() | Feels():
            return limits.wants(purposes)
        case Spent():
            return meant(common([limits.known("spent"), limits.happened("purchase", "")]), purposes)
        case _:
            return True


def for_use(person: Person, limits: Limits, action: Action) -> Person:
    """A person without what may not be used for an action."""
    if not limits.of:
        return person
    purposes = purposes_of([action])
    profiles = tuple(
        replace(
            one, about={key: said for key, said in one.about.items() if meant(limits.about(key), purposes)}
        )
        for one in person.profiles
    )
    return replace(person, profiles=profiles)
