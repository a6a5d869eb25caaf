"""What goes in and comes out, as the document has it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from remit.gate.approval import endorsed_of, seal, terms_of
from remit.gate.unseen import has_unseen
from remit.journal.body import unkept
from remit.journal.events import AnyBody, Asked, Checked, Person
from remit.journal.refs import given, proposed
from remit.journal.state import State

DEEP = 20  # lists and objects in each other
Status = Literal[
    "running", "waiting", "paused", "met", "not met", "cannot verify", "refused", "cancelled", "failed"
]


def _kept(value: Any) -> Any:
    """Nothing is taken that a journal could not give back."""
    if why := unkept(value):
        raise ValueError(why)
    return value


def _seen(value: str) -> str:
    """A name in which something hides would be shown to a person who decides."""
    if has_unseen(value):
        raise ValueError("there are characters in it that nobody sees")
    return value


def _sought(value: str) -> str:
    if "\x00" in value:
        raise ValueError("a NUL stands in nothing that could be found")
    return value


Text = Annotated[str, AfterValidator(_kept)]
Sought = Annotated[str, AfterValidator(_sought)]
Name = Annotated[str, Field(max_length=320), AfterValidator(_seen), AfterValidator(_kept)]
Facts = Annotated[dict[str, Any], AfterValidator(_kept)]


class Sent(BaseModel):
    """A body: what it does not know is a mistake, and not passed over."""

    model_config = ConfigDict(extra="forbid")


class Whom(Sent):
    """For whom a run acts."""

    id: Name = Field("", description="As your systems know them.", examples=["C1042"])
    email: Name = Field("", description="Their address.", examples=["ann@shop.example"])
    name: Name = Field("", description="Their name.", examples=["Ann Lee"])


class Attached(Sent):
    """A file that comes with a run."""

    name: Text = Field(
        min_length=1, max_length=255, description="A name alone, without a path.", examples=["sales.csv"]
    )
    content: str = Field(
        max_length=14_000_000,
        description="What it holds, in base64 (RFC 4648, with padding).",
        examples=["bW9udGgsYW1vdW50Cg=="],
        json_schema_extra={"contentEncoding": "base64"},
    )


class Begin(Sent):
    """A run to begin."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"agent": "assistant", "goal": "Which month sold most?"}]},
    )
    agent: Text | Facts = Field(
        description="An agent by its name, as `GET /agents` lists them; or a spec of your own, as an agent's file has it, "
        "which needs the scope agents:write.",
        examples=["assistant"],
    )
    goal: Text = Field(
        min_length=1,
        max_length=100_000,
        description="What should be reached, in words. They are the caller's: what they name is granted. Third parties' "
        "words go into `quoted`.",
        examples=["Which month sold most?"],
    )
    inputs: Facts = Field({}, description="Facts that come with the goal, for which the caller vouches.")
    quoted: Text = Field(
        "",
        max_length=200_000,
        description="Third parties' words: shown to the agent as data, trusted for nothing.",
    )
    files: list[Attached] = Field(
        [],
        max_length=20,
        description="Put into the run's folder before it begins, up to 10 MB together. What they hold, and how they are called, is "
        "trusted for nothing.",
    )
    person: Whom | None = Field(
        None,
        description="For whom the run acts; the caller, where it is left out. With the scope persons:assert it counts as "
        "verified, without it as somebody whom nobody has verified.",
    )
    model: Text | None = Field(
        None, description="Another model than the agent's; needs the scope agents:write."
    )
    shadow: bool = Field(False, description="Only show what it would do: nothing leaves, nothing changes.")
    priority: int = Field(0, ge=-10, le=10, description="Workers take a higher one first.")


class Onward(Sent):
    """A new run from an event of an old one."""

    at: int | None = Field(
        None,
        ge=1,
        le=2**31 - 1,
        description="The event up to which both share; the end, where it is left out.",
    )
    model: Text | None = Field(None, description="Go on with another model; needs the scope agents:write.")
    instructions: Text | None = Field(
        None, max_length=100_000, description="Go on with other instructions; needs the scope agents:write."
    )
    rules: list[Facts] | None = Field(
        None,
        max_length=200,
        description="Go on under other rules of the agent; needs the scope agents:write.",
    )
    shadow: bool = Field(False, description="Only simulate what it would do.")


class Reason(Sent):
    """Why, for the record."""

    why: Text = Field("", max_length=2000, description="For the record.", examples=["the customer called"])


class Yes(Sent):
    """A yes to exactly what was shown."""

    digest: str = Field(
        max_length=200,
        description="Of what was asked, as the ask has it: a yes is for that and for nothing else.",
    )
    note: Text = Field("", max_length=10_000, description="A word for the record.")
    changes: dict[str, Any] = Field(
        default_factory=dict,
        max_length=100,
        description="Of a call: arguments that are to be others, by name. It is judged anew, and the yes is to the changed call; "
        "null leaves an argument out that need not be there.",
        examples=[{"amount": 20}],
    )


class No(Sent):
    """A no."""

    reason: Text = Field(
        "", max_length=10_000, description="The agent reads it.", examples=["not over the holidays"]
    )


class Reply(Sent):
    """An answer to a question."""

    text: Text = Field(min_length=1, max_length=100_000, description="The answer.", examples=["the blue one"])


class RunRow(BaseModel):
    """A run, as the list has it."""

    id: UUID
    agent: str
    goal: str = Field(description="Its first 200 characters, with what is unseen in it spelled out.")
    person: str = Field(description="For whom it acts.")
    status: Status
    created_at: datetime
    updated_at: datetime
    cost: Decimal | None = Field(None, description="In US dollars; null until it ends or waits for a person.")


class Child(BaseModel):
    """A run that was delegated a part of another's goal."""

    parent: UUID = Field(description="The run that delegated it.")
    run: RunRow


class ChildPage(BaseModel):
    """The runs below a run, parents before their children; at most 200."""

    children: list[Child]


class RunPage(BaseModel):
    """Runs, newest first."""

    runs: list[RunRow]
    next: str | None = Field(
        description="Send it as `cursor` for the page after this one; null: there is none."
    )


class Changed(BaseModel):
    """An argument that a person changed."""

    by: str
    was: Any = Field(description="What the agent had there; null where it had nothing.")


class Ask(BaseModel):
    """What a run waits for a person to say."""

    run: UUID
    id: str = Field(examples=["a2.1"])
    kind: Literal["approval", "question", "doubt", "budget"]
    text: str
    digest: str = Field(description="Send it with a yes.")
    expires: datetime | None
    by: list[str] = Field(description="Who may decide; nobody named: anybody.")
    persons: int = Field(description="How many people must say yes.")
    endorsed: list[str] = Field(description="Who has said yes so far, where one is not enough.")
    tool: str = Field(description="Of an approval: the call that is asked about.")
    args: dict[str, Any] = Field(
        description="Its arguments, with references replaced by what they stand for."
    )
    changed: dict[str, Changed] = Field(
        description="Argument that a person gave it -> who, and what the agent had."
    )
    rule: str = Field(description="The rule that asks.")
    reasons: list[str]
    evidence: dict[str, str] = Field(description="Argument -> what vouches for it.")
    provenance: dict[str, str] = Field(description="Argument for which nothing vouches -> where it was read.")


class Run(BaseModel):
    """A run, as its journal tells it."""

    id: UUID
    agent: str
    goal: str
    person: Person
    status: Status
    queued: str | None = Field(description="Where it stands in line: for what.")
    parent: UUID | None
    fork_of: UUID | None
    created_at: datetime
    events: int = Field(description="How many there are; the number of the last one.")
    steps: int
    tokens: int
    cost: Decimal = Field(description="In US dollars, with what is set aside for calls under way.")
    seconds: float = Field(description="Of work, not of waiting.")
    report: str = Field(
        description="The agent's words at its end, with what the journal does not bear out marked."
    )
    output: Any = Field(description="The result, where the agent has one with a schema.")
    why: str = Field(description="Why it ended so.")
    checks: list[Checked]
    asks: list[Ask]


class EventOut(BaseModel):
    """An event of a run's journal."""

    run: UUID
    seq: int = Field(description="Its number in the run, from 1, without gaps.")
    at: datetime
    body: AnyBody


class EventPage(BaseModel):
    """Events in their order."""

    events: list[EventOut]
    next: int | None = Field(description="Send it as `after` for those that follow; null: there is none yet.")


def ask_of(state: State, asked: Asked) -> Ask:
    """What is asked, with the call as its tool would get it."""
    assert state.run is not None
    call, terms = state.calls.get(asked.call_id), terms_of(state, asked)
    judged = call.judged if call else None
    args: Mapping[str, Any] = given(state, call) if call else {}
    changed = call.changed if call else {}
    was = proposed(state, call) if call and changed else {}
    return Ask(
        run=state.run,
        id=asked.ask_id,
        kind=asked.kind,
        text=asked.text,
        digest=seal(asked),
        expires=asked.expires,
        by=terms.by,
        persons=terms.persons,
        endorsed=[one.by for one in endorsed_of(call, asked)],
        tool=call.call.tool if call else "",
        args=dict(args),
        changed={name: Changed(by=by, was=was.get(name)) for name, by in changed.items()},
        rule=judged.rule if judged else "",
        reasons=judged.reasons if judged else [],
        evidence=judged.evidence if judged else {},
        provenance=judged.provenance if judged else {},
    )


class AskPage(BaseModel):
    """What waits for people, the oldest first."""

    asks: list[Ask]
    next: str | None = Field(
        description="Send it as `cursor` for the page after this one; null: there is none."
    )


class Wider(Sent):
    """More of what a run may do."""

    tool: Text = Field(
        description="A tool of its agent's that sends or changes something.", examples=["send"]
    )
    times: int = Field(1, ge=1, le=100, description="How often more.")
