"""What begins a run of an agent without a person at a keyboard, as its spec says it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import jsonschema
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from remit.cron import parse_cron, parse_zone
from remit.errors import UserError
from remit.gate.purposes import NAME
from remit.rate import parse_rate

Json = Any
Kind = Literal["schedule", "webhook", "after", "mail", "slack", "sms", "chat"]
KINDS: tuple[Kind, ...] = ("schedule", "webhook", "after", "mail", "slack", "sms", "chat")
PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*)\}")  # `{order.id}`
PATH = r"^[A-Za-z_][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$"
TOLD = ("agent", "run", "status", "goal", "report")  # of a run that has ended
WRITTEN = ("from", "name", "subject", "text", "quoted", "to", "at")  # of what somebody has written
ENDS = ("met", "not met", "refused", "cannot verify", "cancelled", "failed")
OF = {  # what only one kind says
    "zone": "schedule",
    "missed": "schedule",
    "schema_": "webhook",
    "facts": "webhook",
    "person": "webhook",
    "verified": "webhook",
    "rate": "webhook",
    "ended": "after",
}
MESSAGES = ("mail", "slack", "sms", "chat")  # what people write


def _read_by(parse: Callable[[str], object]) -> BeforeValidator:
    """A text that `parse` takes, left as it is written."""

    def check(text: object) -> str:
        try:
            parse(str(text))
        except UserError as error:
            raise ValueError(str(error)) from None
        return str(text)

    return BeforeValidator(check)


Cron = Annotated[str, _read_by(parse_cron)]  # `0 9 * * mon-fri`
Zone = Annotated[str, _read_by(parse_zone)]  # `Europe/Berlin`
Rate = Annotated[str, _read_by(parse_rate)]  # `60/m`


def _schema(schema: dict[str, Json] | None) -> dict[str, Json] | None:
    if schema is not None:
        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise ValueError(f"is no JSON Schema: {error.message}") from None
        if any("://" in str(one) for one in _refs(schema)):
            raise ValueError("is a schema that fetches another: write out what it refers to")
    return schema


def _refs(value: Json) -> Iterator[Json]:
    if isinstance(value, dict):
        yield from (item for key, item in value.items() if key in ("$ref", "$dynamicRef"))
        for item in value.values():
            yield from _refs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _refs(item)


def _parts(value: object) -> object:
    """`service, fraud`"""
    return tuple(one.strip() for one in value.split(",")) if isinstance(value, str) else value


def _names(value: object) -> object:
    return (value,) if isinstance(value, str) else value


End = Literal["met", "not met", "refused", "cannot verify", "cancelled", "failed"]
Ends = Annotated[tuple[End, ...], BeforeValidator(_names)]
Origin = Annotated[str, Field(pattern=r"^https?://[a-z0-9.\[\]:-]+$", max_length=300)]
Path = Annotated[str, Field(pattern=PATH, max_length=200)]
Purpose = Annotated[str, Field(pattern=f"^{NAME}$")]
Purposes = Annotated[tuple[Purpose, ...], BeforeValidator(_parts), Field(max_length=10)]


class Trigger(BaseModel):
    """Exactly one of: `schedule`, times as cron has them by the clock of `zone`; `webhook`, what is posted to an address of its
    own, by a sender who shows who it is so; `after`, runs of another agent that have ended; `mail`, `slack` and `sms` (WhatsApp, too), what people
    write to one of the agent's connections, by its name; `chat`, what visitors of these sites write. The goal is the owner's words:
    `{order.id}` in it stands for what the event says there, which the run is shown as somebody else's words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")
    schedule: Cron | None = Field(None, max_length=200)
    zone: Zone = "UTC"
    missed: Literal["skip", "once"] = "once"  # what becomes of times at which no worker ran
    webhook: Literal["standard", "hmac", "token"] | None = None  # how its sender shows who it is
    schema_: Annotated[dict[str, Json] | None, AfterValidator(_schema)] = Field(None, alias="schema")
    # Name among the inputs -> field of the body that the sender itself vouches for: it counts as a fact
    facts: dict[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,40}$")], Path] = {}
    person: Path | None = None  # the field of the body that holds the e-mail of whom the run acts for
    verified: bool = False  # whether the sender has made sure that it is that person
    rate: Rate = "60/m"  # deliveries; more are refused
    after: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")] | None = None
    mail: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")] | None = None
    slack: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")] | None = None
    sms: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")] | None = None
    # The sites in whose pages the chat may stand, as https://shop.example
    chat: (
        Annotated[tuple[Origin, ...], BeforeValidator(_names), Field(min_length=1, max_length=20)] | None
    ) = None
    sender_asks: bool = False  # whether a verified sender's own words are what is asked of the run
    ended: Ends = ()  # how; empty: however
    goal: str = Field(min_length=1, max_length=20_000)
    inputs: dict[str, Json] = {}  # facts of the owner's, for each run
    purpose: Purposes = ()  # what its runs are for, instead of what the agent says
    when: str = Field("", max_length=4_000)  # a CEL condition over `event`
    at_most: int | None = Field(None, ge=1, le=1000)  # runs of this trigger that are open at the same time
    busy: Literal["skip", "queue"] = "queue"  # what becomes of one more

    @property
    def kind(self) -> Kind:
        return next((kind for kind in KINDS if getattr(self, kind) is not None), "after")

    @property
    def places(self) -> tuple[str, ...]:
        """What of the event stands in the goal."""
        return tuple(dict.fromkeys(PLACE.findall(self.goal)))

    @model_validator(mode="after")
    def _of_one_kind(self) -> Trigger:
        if sum(getattr(self, kind) is not None for kind in KINDS) != 1:
            raise ValueError(
                "a trigger has exactly one of schedule (times, as 0 9 * * mon-fri), webhook (how its sender shows who it is: "
                "standard, hmac or token), after (the name of another agent), mail, slack and sms (a connection's name), chat (sites, as https://shop.example)"
            )
        if self.sender_asks and self.kind not in MESSAGES:
            raise ValueError("sender_asks is for a trigger with mail, slack, sms or chat")
        for field, kind in OF.items():
            if field in self.model_fields_set and kind != self.kind:
                raise ValueError(f"{field.rstrip('_')} is for a trigger with {kind}")
        return self

    @model_validator(mode="after")
    def _says_what_is_there(self) -> Trigger:
        if not self.goal.strip():
            raise ValueError("goal: say what the run should reach")
        if self.verified and self.person is None:
            raise ValueError("verified goes with person: the field that says for whom the run acts")
        if self.kind == "schedule" and self.places:
            raise ValueError(
                f"goal: {{{self.places[0]}}} stands for nothing: a time says no more than itself"
            )
        if self.kind == "after" and (odd := [one for one in self.places if one not in TOLD]):
            raise ValueError(
                f"goal: of a run that has ended there is no {{{odd[0]}}}; there are {', '.join(TOLD)}"
            )
        if self.kind in MESSAGES and (odd := [one for one in self.places if one not in WRITTEN]):
            raise ValueError(f"goal: of a message there is no {{{odd[0]}}}; there are {', '.join(WRITTEN)}")
        if twice := set(self.inputs) & set(self.facts):
            raise ValueError(f"{min(twice)} is among inputs and among facts: name one of them otherwise")
        return self


def _apart(triggers: tuple[Trigger, ...]) -> tuple[Trigger, ...]:
    names = [one.name for one in triggers]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"two triggers are called {twice[0]!r}: each has a name of its own")
    return triggers


Triggers = Annotated[tuple[Trigger, ...], AfterValidator(_apart), Field(max_length=50)]
