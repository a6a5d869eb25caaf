"""Data that would leave for somebody who may not have it. Pure.

A value may go out where the tool's clearance covers its label. Beyond that, `workspace` and `person` may where the goal itself
spells the value and something vouches for where it goes; a person's data to that person, and, by the words of the
verified person whose data they are, to whom the goal names. Nothing else: that a goal names another's data does not make
them the writer's to give. A `secret` leaves only with somebody's yes to the very call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from remit.gate.confidentiality import WORDS, Label, alike, knows, own
from remit.gate.fields import labelled
from remit.gate.held import Held, Value
from remit.gate.proposal import Facts, Proposal, Verdict
from remit.gate.spelled import whole
from remit.gate.values import canonical

Json = Any
RULE = "confidentiality"
TOLD = 3  # values of one argument that are told of
RECIPIENTS = ("email", "phone", "person", "account", "url")  # kinds of sinks that say to whom it goes
CONTENT = ("text", "url", "path")  # kinds of sinks whose values tell something, not only whom or what


def leaves(proposal: Proposal) -> bool:
    """Whether what is given to the call goes out: an effect, or a look at an address of somebody's."""
    return proposal.effect in ("egress", "destroy") or "url" in proposal.sinks.values()


def breaches(proposal: Proposal, facts: Facts, evidence: Mapping[str, str]) -> dict[str, str]:
    """The arguments that hold what may not go there, each with what that is, in words."""
    known, public = facts.known, proposal.clearance == WORDS[0]
    if known is None and facts.labels is None:
        return {}
    if known is not None and not (known.labelled or public):
        return {}
    if not leaves(proposal):
        return {}
    going = _Going(proposal, facts, evidence, known.held(public) if known is not None else Held())
    found = ((name, going.wrong(name, value)) for name, value in proposal.args.items())
    return {name: _some(told) for name, told in found if told}


def stopped(verdict: Verdict, autonomy: str, wrong: Mapping[str, str]) -> Verdict:
    """What becomes of a call that would give data to who may not have them: never more than it was. The last reason of what
    was allowed is the rule that did."""
    told = [f"{name} holds {words}" for name, words in wrong.items()]
    if verdict.decision == "ask":
        return verdict._replace(reasons=(*verdict.reasons, *told))
    decision: Literal["ask", "deny"] = "ask" if autonomy == "ask" else "deny"
    return Verdict(decision, RULE, (*told, verdict.rule), verdict.evidence, verdict.records)


def labels(proposal: Proposal, facts: Facts) -> Mapping[str, Json]:
    """What conditions may ask about: the labels of what the run has read, and of what stands in each argument."""
    if facts.labels is not None:
        given = facts.labels.get("args", {})
        return {
            "read": facts.labels.get("read", []),
            "args": {name: given.get(name, []) for name in proposal.args},
        }
    known = facts.known
    if known is None or not known.labelled:
        return {"read": [], "args": {name: [] for name in proposal.args}}
    going = _Going(proposal, facts, {}, known.held())
    return {
        "read": _words(known.held().read),
        "args": {name: going.said(name, value) for name, value in proposal.args.items()},
    }


@dataclass
class _Going:
    proposal: Proposal
    facts: Facts
    evidence: Mapping[str, str]
    held: Held

    def wrong(self, name: str, value: Json) -> list[str]:
        """In words, each value in an argument that may not go out, and of a reference what it points to."""
        told = []
        for label in self._thought(name):
            if not self._may(label, spelled=False):
                told.append(f"{_of(label)} ({_who(label)})")
        for label in self._pointed(name):
            named = label.word != "secret" and self._only_names(name)
            if not named and not self._may(label, spelled=False):
                told.append(f"{_of(label)}, by reference ({_who(label)})")
        for one in self._values(name, value):
            spelled = one.form in self.spelled
            if not any(self._may(label, spelled) for label in one.labels):
                told.append(f"{_of(one.label, one.name)}, read in {one.source} ({_who(one.label)})")
        return list(dict.fromkeys(told))

    def said(self, name: str, value: Json) -> list[str]:
        """The labels of what stands in an argument, above workspace."""
        return _words([*self._pointed(name), *(one.label for one in self.held.within(value))])

    def _thought(self, name: str) -> list[Label]:
        """The labels that an argument is said to have, where a case is only thought of."""
        words = self.facts.labels.get("args", {}).get(name, ()) if self.facts.labels is not None else ()
        whose = tuple(word.removeprefix("person:") for word in words if word.startswith("person:"))
        plain = [Label(word) for word in words if word in WORDS and not (whose and word == "person")]
        return [*plain, *(Label("person", (one,) if one != "?" else ()) for one in whose)]

    def _pointed(self, name: str) -> Iterator[Label]:
        known = self.facts.known
        for pointer in self.proposal.refs.get(name, ()) if known is not None else ():
            yield known.confided(pointer)  # type: ignore[union-attr]

    def _values(self, name: str, value: Json) -> list[Value]:
        """Without those that an argument only names, to say whom or what the call is about: a number of an order, an address."""
        found = self.held.within(value)
        if not found or not self._only_names(name):
            return found
        told = [leaf for leaf, _ in labelled(value, {}) if whole(leaf).isdisjoint(one.form for one in found)]
        beside = {id(one) for one in self.held.within(told)}
        return [one for one in found if one.label.word == "secret" or id(one) in beside]

    def _only_names(self, name: str) -> bool:
        return self.proposal.sinks.get(name, "text") not in CONTENT

    def _may(self, label: Label, spelled: bool) -> bool:
        """Whether a value with the label may go where the call goes. `spelled`: it stands in the goal."""
        if label.rank <= WORDS.index(self.proposal.clearance):
            return True
        if label.word == "secret":
            return False
        if spelled and all(level != "unvouched" for _, _, level in self.recipients):
            return True
        if label.word != "person" or self.proposal.clearance == "public" or not self.recipients:
            return False
        me = own(self.facts.person)
        mine = any(knows(label.whose, one) for one in me)
        return all(
            self._theirs(label, kind, one, mine) or (mine and level == "grant")
            for kind, one, level in self.recipients
        )

    def _theirs(self, label: Label, kind: str, recipient: Json, mine: bool) -> bool:
        """Whether a destination is that person's own."""
        names = (*label.whose, *(own(self.facts.person) if mine else ()))
        form = canonical(kind, recipient)
        return any(
            alike(one) == alike(str(recipient)) or (form is not None and form == canonical(kind, one))
            for one in names
        )

    @cached_property
    def recipients(self) -> Sequence[tuple[str, Json, str]]:
        """Kind, value and evidence of all to whom it goes."""
        return [
            (kind, leaf, self.evidence.get(name, "unvouched"))
            for name, kind in self.proposal.sinks.items()
            if kind in RECIPIENTS and name in self.proposal.args
            for leaf, _ in labelled(self.proposal.args[name], {})
            if leaf != ""
        ]

    @cached_property
    def spelled(self) -> frozenset[tuple[str, str]]:
        """What the person's own words hold."""
        said = [self.facts.goal, dict(self.facts.inputs)]
        return frozenset(one.form for one in self.held.within(said))


def _words(every: Iterable[Label]) -> list[str]:
    return sorted({word for label in every if label.rank > 1 for word in label.said})


def _of(label: Label, name: str = "") -> str:
    what = name.replace("_", " ") or "data"
    if label.word != "person":
        return f"{what}, which is {label.word}" if label.word != "workspace" else f"{what} of the workspace"
    return f"{label.whose[0]}'s {what}" if label.whose else f"a person's {what}"


def _who(label: Label) -> str:
    if label.word == "secret":
        return "it leaves only with a person's yes"
    if label.word == "person":
        return f"only {label.whose[0]} may have it" if label.whose else "nobody knows whose"
    return "it is not public"


def _some(told: Sequence[str]) -> str:
    more = [f"and {len(told) - TOLD} more"] if len(told) > TOLD else []
    return "; ".join([*told[:TOLD], *more])
