"""What wants to happen, what is known about it, and what the gate says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from remit.gate.known import Known
from remit.gate.purposes import DEFAULT
from remit.journal.refs import Pointers

Json = Any
NOTHING: Mapping[str, Any] = {}  # nobody may write into a Mapping
Autonomy = Literal["shadow", "draft", "ask", "act"]
_encoded = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
_quoted = json.encoder.encode_basestring
# shadow: effects simulated · draft: content only · ask: each effect asked · act: by the rules


class Proposal(NamedTuple):  # made in half the time that a frozen data class takes, as what follows
    """One call, before it happens."""

    tool: str
    args: Mapping[str, Json]  # as the tool gets them, defaults filled in
    effect: Literal["read", "self", "egress", "destroy"]
    sinks: Mapping[str, str] = NOTHING
    written: Mapping[str, Json] | None = None  # the arguments as the model wrote them, where that differs
    refs: Pointers = NOTHING  # what it referred to: the values are in its place in both
    clearance: str = "workspace"  # the most confidential that may go to wherever the tool's calls go

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical call: what an approval is bound to."""
        canonical = _canonical(self.tool, self.args if self.written is None else self.written)
        return hashlib.sha256(
            canonical.encode("utf-8", "replace")
        ).hexdigest()  # as a journal keeps half characters


class Facts(NamedTuple):
    """What the gate may know. Every value here comes from the journal, the spec or a record, never from a model."""

    autonomy: Autonomy = "ask"
    tools: Set[str] = frozenset()  # the remit's
    person: Mapping[str, Json] = NOTHING
    inputs: Mapping[str, Json] = NOTHING
    records: Mapping[str, Json] = NOTHING
    untrusted: bool = False  # the run has read words of somebody unverified
    goal: str = ""  # the person's own words
    counts: Mapping[str, int] = NOTHING  # tool -> how often it succeeded, but for reading
    # How often each effect may still happen by the grant; None: no grant
    left: Mapping[str, int] | None = None
    known: Known | None = None  # what the run has read
    # The arguments of calls that were proposed before this one and are not done yet; None: nobody knows of all
    beside: Sequence[Json] | None = None
    labels: Mapping[str, Json] | None = (
        None  # in place of what follows from that, where a case is only thought of
    )
    sums: Mapping[str, Json] = NOTHING  # that rules ask about; a str says why one is not known
    # Of arguments that the person changed who decides on the call: what they were; None: not given
    amended: Mapping[str, Json] = NOTHING
    # Of the run, and of the call: what it uses, it uses for all of them
    purposes: Set[str] = frozenset({DEFAULT})


@dataclass(frozen=True, slots=True)
class Terms:
    """Who may say yes where a rule asks, how many of them must, and until when; times count from the asking."""

    by: tuple[str, ...] = ()  # ids, e-mails, `group:<name>`; none: anybody
    persons: int = 1
    expires: timedelta | None = None
    after: timedelta | None = None  # when those in `to` may decide as well
    to: tuple[str, ...] = ()
    urgent: bool = False  # nobody's quiet hours stop its clocks
    also: Terms | None = None  # of another rule that asks about the same call: both hold


def both(one: Terms | None, other: Terms | None) -> Terms | None:
    """The terms where two rules ask; a rule that says nothing of them adds none."""
    if one is None or other is None:
        return one or other
    return replace(one, also=both(one.also, other))


class Verdict(NamedTuple):
    decision: Literal["allow", "ask", "deny"]
    rule: str
    reasons: tuple[str, ...] = ()
    evidence: Mapping[str, str] = NOTHING
    records: Mapping[str, Json] = NOTHING  # what was looked at, where a rule asks about it
    provenance: Mapping[str, str] = NOTHING  # unvouched argument -> where it comes from
    terms: Terms | None = None  # of the rule that asks


def _canonical(tool: str, args: Mapping[str, Json]) -> str:
    """JSON with its names in order and without blanks. Most calls have texts alone, which is written out at once."""
    told = []
    for name, value in sorted(args.items()) if args.__class__ is dict else ():
        if value.__class__ is not str or name.__class__ is not str:
            return _encoded([tool, args])
        told.append(f"{_quoted(name)}:{_quoted(value)}")
    return f"[{_quoted(tool)},{{{','.join(told)}}}]" if told else _encoded([tool, args])
