"""Every event that a run's journal can hold: one discriminated union, versioned.

An event is written once and read for ever: fields are added with a default, never renamed or removed; a
change of meaning is a new type. `tests/journal/golden/` holds one of each as it was first written.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

Json = Any


class Body(BaseModel):
    """What happened. Fields left at their default are not written."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    v: int = 1  # the version of this type
    big: tuple[str, ...] = ()  # fields stored apart, by hash: in the row each is the hex SHA-256 of its JSON


class Call(BaseModel):
    """A tool call as the model wrote it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    tool: str
    args: dict[str, Json]


class Person(BaseModel):
    """Who a run acts for: set by the trusted trigger, never by a model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = ""
    email: str = ""
    name: str = ""
    verified: bool = False
    by: str = ""  # who began the run for them, where they did not themselves


class Came(BaseModel):
    """A file that came with a run, as it was then."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    bytes: int
    sha256: str


class Began(BaseModel):
    """What began a run, where no person did."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    trigger: str  # of the run's agent, by its name
    kind: str  # schedule | webhook | after | mail | slack | sms | chat; decision: `trigger` is a playbook
    at: datetime  # when what began it came
    by: str = ""  # who had it begin by hand
    chain: tuple[str, ...] = ()  # agents whose runs ended and so led to this one, the first one first
    run: UUID | None = None  # the last of these


class Started(Body):
    """The run's grant: what it was asked, by whom, under which spec. Nothing untrusted precedes it."""

    type: Literal["started"] = "started"
    goal: str
    agent: str
    spec: Json  # the whole agent spec as it was then
    version: int | None = (
        None  # which one of the workspace's agent of that name; None: a file, the library's, a draft
    )
    person: Person = Person()
    inputs: dict[str, Json] = Field(
        default_factory=dict
    )  # what came with the goal: facts the trigger vouches for
    quoted: str = ""  # third parties' words that came with the goal: shown as data, never as the person's
    files: list[Came] = Field(
        default_factory=list
    )  # what was put into the run's folder: its words, and its names, are nobody's who is trusted
    parent: UUID | None = None
    task: str = ""  # what the parent's model wants of this run: never the person's words
    grant: dict[str, int] | None = (
        None  # effects that may happen, and how often: from the trigger, or of the parent's
    )
    counts: dict[str, int] = Field(
        default_factory=dict
    )  # how often the parent's tools had succeeded, but for reading
    untrusted: bool = False  # the parent had read words of somebody unverified
    confidential: list[str] = Field(
        default_factory=list
    )  # labels of what the parent had read, where they are above workspace
    values: dict[str, str] = Field(
        default_factory=dict
    )  # of such, those that the task holds: value as it is looked for -> label
    fork_of: UUID | None = None
    fork_seq: int | None = None
    fork_by: str = ""
    workspace: str = "default"  # whose run it is: whose rules, secrets and people it has
    began: Began | None = None  # None: somebody began it, or another run did


class Granted(Body):
    """The effects that the goal takes and how often, at the most. It replaces what was granted before."""

    type: Literal["granted"] = "granted"
    tools: dict[str, int]
    by: str = ""  # the model that read the goal, or the person who made it wider


class Narrowed(Body):
    """Rules of the workspace that hold for the run from here on, beside those that held when it began."""

    type: Literal["narrowed"] = "narrowed"
    rules: list[Json]


class Reserved(Body):
    """Money set aside before a priced model call; the Answered after it settles it."""

    type: Literal["reserved"] = "reserved"
    amount: Decimal


class Answered(Body):
    """A model's answer."""

    type: Literal["answered"] = "answered"
    model: str
    text: str = ""
    calls: list[Call] = Field(default_factory=list)
    data: Json = None
    purpose: Literal["act", "check", "compact", "reflect", "guard", "grant", "screen"] = "act"
    finish: str = "stop"
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: Decimal | None = Decimal(0)
    seconds: float = 0.0


class Screened(Body):
    """What the airlock let through of words that strangers wrote: a form, filled in, of choices, numbers and known ids. The
    words themselves stay where they are, in the result of the call, or, for `0.0`, beside the goal."""

    type: Literal["screened"] = "screened"
    call_id: str
    form: dict[str, Json] = Field(default_factory=dict)
    readable: bool = True  # else nothing came that fits the form


class Planned(Body):
    """The plan as the model keeps it."""

    type: Literal["planned"] = "planned"
    steps: list[str]
    done: list[int] = Field(default_factory=list)  # indices into steps


class Judged(Body):
    """The gate's verdict on one call."""

    type: Literal["judged"] = "judged"
    call_id: str
    tool: str
    effect: Literal["read", "self", "egress", "destroy"]
    decision: Literal["allow", "ask", "deny"]
    rule: str
    reasons: list[str] = Field(default_factory=list)
    evidence: dict[str, str] = Field(default_factory=dict)  # sink argument -> what vouches for it
    provenance: dict[str, str] = Field(
        default_factory=dict
    )  # sink argument that nothing vouches for -> in words, where it was read
    digest: str = ""  # of the canonical call: what an approval is bound to
    records: dict[str, Json] = Field(
        default_factory=dict
    )  # what the gate looked at, where a rule for the tool asks about it


class Intended(Body):
    """An effect is about to happen. From here to Acted it is in doubt."""

    type: Literal["intended"] = "intended"
    call_id: str
    key: str  # idempotency key
    attempt: int = 1
    lease: str = ""  # of the process that is about to do it


class Acted(Body):
    """What a tool call came to. `mend`: the model can correct it; `simulated`: shadow, nothing happened; `unknown`: the
    run ended while it was under way, and nobody can say whether it happened."""

    type: Literal["acted"] = "acted"
    call_id: str
    tool: str
    effect: Literal["read", "self", "egress", "destroy"] = "read"
    status: Literal["ok", "mend", "denied", "rejected", "failed", "simulated", "unknown"] = "ok"
    result: Json = None
    rule: str = ""  # what allowed a look, a rule or the default, where there was no more to say in a Judged
    integrity: Literal["system", "person", "member", "untrusted"] = "untrusted"  # of the result as a whole
    fields: dict[str, Literal["system", "person", "member", "untrusted"]] = Field(
        default_factory=dict
    )  # path -> integrity, where fields differ
    confidential: dict[str, str] = Field(
        default_factory=dict
    )  # path -> who may have what stands there, where the tool says it
    values: dict[str, str] = Field(
        default_factory=dict
    )  # confidential ones that a child had read: value as it is looked for -> label
    source: str = ""  # who says so: the tool, a host, a file
    origin: str = ""  # in words, where the tool read it, where it can say more than its name does
    seconds: float = 0.0
    definition: str = ""  # SHA-256 of the tool's definition as it was pinned, where it is another's than ours


class Asked(Body):
    """A person is needed; the run holds nothing meanwhile."""

    type: Literal["asked"] = "asked"
    ask_id: str
    kind: Literal["approval", "question", "doubt", "budget"]
    text: str
    call_id: str = ""
    digest: str = ""
    expires: datetime | None = None
    by: list[str] = Field(default_factory=list)  # who may decide; nobody named: anybody
    persons: int = 1  # how many people must say yes
    escalates: datetime | None = None  # from then on those in `to` may decide, too
    to: list[str] = Field(default_factory=list)
    urgent: bool = False  # nobody's quiet hours stopped its clocks


class Amended(Body):
    """A person has changed the call that they were asked about: that question is closed, whoever had said yes to it, and the
    call as it is now is judged and asked about anew."""

    type: Literal["amended"] = "amended"
    ask_id: str
    call_id: str
    by: str
    args: dict[str, Json] = Field(
        default_factory=dict
    )  # the arguments that are others now: values, no references
    without: list[str] = Field(default_factory=list)  # those that are left out now


class Endorsed(Body):
    """A person's yes to an Asked that wants more than one; the last of them is the Replied."""

    type: Literal["endorsed"] = "endorsed"
    ask_id: str
    by: str
    text: str = ""
    instead: list[str] = Field(
        default_factory=list
    )  # for whom else they could speak then: each had handed it to them, or was away


class Replied(Body):
    """A person's word on an Asked."""

    type: Literal["replied"] = "replied"
    ask_id: str
    decision: Literal["approve", "reject", "answer"]
    by: str
    text: str = ""
    instead: list[str] = Field(default_factory=list)


class HandedOver(Body):
    """A person lets another decide in their place what a run asks; `to` is empty where they take that back."""

    type: Literal["handed_over"] = "handed_over"
    ask_id: str
    by: str
    to: str = ""


class Slept(Body):
    """The run, or one call of it, waits for a time."""

    type: Literal["slept"] = "slept"
    until: datetime
    why: str = ""
    call_id: str = ""
    # Whose turn it waits for; the call is judged anew then. Of one that was intended: it has not happened
    limit: str = ""


class Woken(Body):
    type: Literal["woken"] = "woken"
    why: str = "timer"
    call_id: str = ""


class Delegated(Body):
    """A part of the goal is handed to a child run. What it may spend is set aside here until it has Returned."""

    type: Literal["delegated"] = "delegated"
    call_id: str
    child: UUID
    agent: str
    spec: Json = None  # the child's, inside what was left of this run's remit
    money: Decimal = Decimal(0)
    tokens: int = 0
    grant: dict[str, int] | None = None  # what of this run's the child may do in its place


class Returned(Body):
    """A child run has ended: what it spent is spent here too."""

    type: Literal["returned"] = "returned"
    call_id: str
    child: UUID
    status: str
    money: Decimal = Decimal(0)
    tokens: int = 0
    seconds: float = 0.0
    counts: dict[str, int] = Field(default_factory=dict)  # how often its tools succeeded, but for reading


class UndoWanted(Body):
    """A person wants an effect undone, as its tool declares; that is an effect of its own, called `undo:` and the id."""

    type: Literal["undo_wanted"] = "undo_wanted"
    call_id: str
    by: str


class Nudged(Body):
    """No progress was seen: what the loop told the model. Level 1 nudges, 2 makes it re-plan, 3 asks a person."""

    type: Literal["nudged"] = "nudged"
    level: int
    reason: str
    text: str


class Compacted(Body):
    """Turns up to and including `upto` are replaced, in what the model sees, by `summary`."""

    type: Literal["compacted"] = "compacted"
    upto: int
    summary: str


class Checked(Body):
    """A done check's verdict."""

    type: Literal["checked"] = "checked"
    check: str
    verdict: Literal["met", "not met", "cannot verify"]
    detail: str = ""


class Paused(Body):
    """`over`: only as long as a colleague, who has taken the conversation over, talks in the agent's place; its number."""

    type: Literal["paused"] = "paused"
    by: str = ""
    over: int | None = None


class Resumed(Body):
    """`over`: the conversation is the agent's again, and the model is told `words`: a colleague's."""

    type: Literal["resumed"] = "resumed"
    by: str = ""
    over: int | None = None
    words: str = ""


class Finished(Body):
    """The end. `report` is the model's words with the claims that the journal does not bear out marked."""

    type: Literal["finished"] = "finished"
    status: Literal["met", "not met", "cannot verify", "refused", "cancelled", "failed"]
    report: str = ""
    output: Json = None
    why: str = ""


AnyBody = Annotated[
    Started
    | Granted
    | Narrowed
    | Reserved
    | Answered
    | Screened
    | Planned
    | Judged
    | Intended
    | Acted
    | Asked
    | Amended
    | Endorsed
    | Replied
    | HandedOver
    | Slept
    | Woken
    | Delegated
    | Returned
    | UndoWanted
    | Nudged
    | Compacted
    | Checked
    | Paused
    | Resumed
    | Finished,
    Field(discriminator="type"),
]
BODY: TypeAdapter[AnyBody] = TypeAdapter(AnyBody)


TYPES: dict[str, type[Body]] = {
    body.model_fields["type"].default: body for body in get_args(get_args(AnyBody)[0])
}
BIG = 8192  # bytes of JSON above which a field is stored apart


@dataclass(frozen=True, slots=True)
class Event:
    """A body at its place in a run's journal. `seq` starts at 1 and has no gaps; order is by `seq`, never by
    `at`, which is the writer's UTC clock and may jump."""

    run: UUID
    seq: int
    at: datetime
    body: AnyBody
