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
from remit.gate.purposes import common, told
from remit.gate.spelled import whole
from remit.gate.values import canonical

Json = Any
RULE = "confidentiality"
PURPOSE = "purpose"
EVERYTHING = "*"  # what nobody has limited may be used for, as conditions see it
TOLD = 3  # values of one argument that are told of
RECIPIENTS = ("email", "phone", "person", "account", "url")  # kinds of sinks that say to whom it goes
CONTENT = ("text", "url", "path")  # kinds of sinks whose values tell something, not only whom or what


def leaves(proposal: Proposal) -> bool:
    """Whether what is given to the call goes out: an effect, or a look at an address of somebody's."""
    return proposal.effect in ("egress", "destroy") or "url" in proposal.sinks.values()


def breaches(proposal: Proposal, facts: Facts, evidence: Mapping[str, str]) -> dict[str, str]:
    """The arguments of a call that leaves which hold what may not go there, each with what that is, in words."""
    known, public = facts.known, proposal.clearance == WORDS[0]
    if known is None and facts.labels is None:
        return {}
    if known is not None and not (known.labelled or public):
        return {}
    going = _Going(proposal, facts, evidence, known.held(public) if known is not None else Held())
    found = ((name, going.wrong(name, value)) for name, value in proposal.args.items())
    return {name: _some(told) for name, told in found if told}


def misused(proposal: Proposal, facts: Facts) -> dict[str, str]:
    """The arguments of a call that leaves which hold what may not be used for what it is for, each with what that is, in words: whoever
    it goes to."""
    if facts.labels is not None:  # a case that is only thought of
        said = {name: few for name, few in facts.labels.get("purposes", {}).items() if EVERYTHING not in few}
        return {
            name: f"what may be used for {told(few)}"
            for name, few in said.items()
            if not facts.purposes <= set(few)
        }
    if facts.known is None or not facts.known.labelled:
        return {}
    held = facts.known.held()
    if not held.limited:
        return {}
    going = _Going(proposal, facts, {}, held)
    found = ((name, going.misused(name, value)) for name, value in proposal.args.items())
    return {name: _some(told) for name, told in found if told}


def refused(verdict: Verdict, facts: Facts, wrong: Mapping[str, str]) -> Verdict:
    """Of a call that would use data for what they are not meant for: nobody's yes to a call makes them be."""
    why = [f"{name} holds {words}" for name, words in wrong.items()]
    why.append(
        f"this is for {told(facts.purposes)}: what may be used for it is said in `remit graph purpose`, or by the person's own consent"
    )
    return Verdict("deny", PURPOSE, tuple(why), verdict.evidence, verdict.records)


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
            "purposes": {name: [EVERYTHING] for name in proposal.args}
            | dict(facts.labels.get("purposes", {})),
        }
    known = facts.known
    if known is None or not known.labelled:
        every = {name: [EVERYTHING] for name in proposal.args}
        return {"read": [], "args": {name: [] for name in proposal.args}, "purposes": every}
    going = _Going(proposal, facts, {}, known.held())
    return {
        "read": _words(known.held().read),
        "args": {name: going.said(name, value) for name, value in proposal.args.items()},
        "purposes": {name: going.purposes(name, value) for name, value in proposal.args.items()},
    }


@dataclass
class _Going:
    proposal: Proposal
    facts: Facts
    evidence: Mapping[str, str]
    held: Held

    def wrong(self, name: str, value: Json) -> list[str]:
        """In words, each value in an argument that may not go out, and of a reference what it points to."""
        words = []
        for label in self._thought(name):
            if not self._may(label, spelled=False):
                words.append(f"{_of(label)} ({_who(label)})")
        for label in self._pointed(name):
            named = label.word != "secret" and self._only_names(name)
            if not named and not self._may(label, spelled=False):
                words.append(f"{_of(label)}, by reference ({_who(label)})")
        for one in self._values(name, value):
            spelled = one.form in self.spelled
            if not any(self._may(label, spelled) for label in one.labels):
                words.append(f"{_of(one.label, one.name)}, read in {one.source} ({_who(one.label)})")
        return list(dict.fromkeys(words))

    def misused(self, name: str, value: Json) -> list[str]:
        """In words, what in an argument is not meant for what the call is for. Whom it names is used as well."""
        words = []
        for label in self._pointed(name):
            if not self._meant(label):
                words.append(
                    f"{_of(label)}, by reference, which may be used for {told(label.purposes or ())}"
                )
        for one in self.held.within(value):
            if not self._meant(one.label):
                of = f"{_of(one.label, one.name)}, read in {one.source}"
                words.append(f"{of}, which may be used for {told(one.label.purposes or ())}")
        return list(dict.fromkeys(words))

    def _meant(self, label: Label) -> bool:
        return label.purposes is None or self.facts.purposes <= label.purposes

    def purposes(self, name: str, value: Json) -> list[str]:
        """What all that stands in an argument may be used for."""
        labels = (
            [*self._pointed(name), *(one.label for one in self.held.within(value))]
            if self.held.limited
            else []
        )
        found = common(label.purposes for label in labels)
        return [EVERYTHING] if found is None else sorted(found)

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
