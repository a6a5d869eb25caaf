"""An agent: what it is for, what it may use, and how far it may go. In YAML or in Python, the same noun."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from remit.agents.forms import Written
from remit.agents.triggers import Rate, Triggers
from remit.channels.line import Line
from remit.channels.mailbox import Mailbox
from remit.gate.purposes import DEFAULT, NAME
from remit.gate.standing import GROUP
from remit.tools.mcp.definition import Declaration, Definition, Server
from remit.tools.mcp.needs import Needs

Json = Any
LONGEST = 36_525 * 86_400  # seconds of any time


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _duration(value: object) -> object:
    """`90s`, `10m`, `2h`, `1d`, or seconds as a number."""
    if isinstance(value, str) and (found := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", value.strip())):
        seconds = float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]
        if seconds > LONGEST:
            raise ValueError("is longer than a hundred years")
        return timedelta(seconds=seconds)
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Budget(Part):
    """Hard limits of one run. `money` in US dollars; `wall` counts working time, not waiting."""

    money: Decimal | None = Field(Decimal("1.00"), ge=0)
    tokens: int | None = Field(400_000, ge=1)
    steps: int = Field(40, ge=1)
    wall: Duration = timedelta(minutes=30)


class RemitSpec(Part):
    """How far the agent may go."""

    autonomy: Literal["shadow", "draft", "ask", "act"] = "ask"
    budget: Budget = Budget()
    destinations: tuple[str, ...] = ()  # hosts that HTTP tools may reach
    deadline: datetime | None = None


def _names(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _name(value: str) -> str:
    if not value.strip().removeprefix(GROUP).strip():
        raise ValueError("name a person by id or e-mail, or several as `group:<name>`")
    return value.strip()


People = Annotated[tuple[Annotated[str, AfterValidator(_name)], ...], BeforeValidator(_names)]


class Escalate(Part):
    """To whom else a question goes that was not answered in a time."""

    after: Duration = Field(gt=timedelta(0))
    to: People = Field(min_length=1)


class Rule(Part):
    """One rule of the gate: for these tools, one of allow/ask/deny with a CEL condition. First match wins. Of an ask: who
    may say yes (`by`; anybody where it names nobody), how many people must, when that is too late, and whether quiet hours
    put that off (not where it is `urgent`)."""

    tool: str | tuple[str, ...]
    allow: str | None = None
    ask: str | None = None
    deny: str | None = None
    because: str = ""
    by: People = ()
    persons: int = Field(1, ge=1, le=9)
    expires: Duration | None = Field(None, gt=timedelta(0))
    escalate: Escalate | None = None
    urgent: bool = False

    @model_validator(mode="after")
    def _one(self) -> Rule:
        if sum(part is not None for part in (self.allow, self.ask, self.deny)) != 1:
            raise ValueError('a rule has exactly one of allow, ask, deny; write `allow: "true"` for always')
        return self

    @model_validator(mode="after")
    def _answerable(self) -> Rule:
        if self.ask is None and (self.by or self.persons > 1 or self.expires or self.escalate or self.urgent):
            raise ValueError("by, persons, expires, escalate and urgent are for a rule that asks")
        if self.escalate and not self.by:
            raise ValueError("escalate goes with `by`: where nobody is named, anybody may decide at once")
        if self.escalate and self.expires and self.escalate.after >= self.expires:
            raise ValueError("escalate.after must come before expires: what has expired is asked nobody")
        people = {name.casefold() for name in (*self.by, *(self.escalate.to if self.escalate else ()))}
        if self.by and len(people) < self.persons and not any(name.startswith(GROUP) for name in people):
            raise ValueError(f"persons: {self.persons}, but only {len(people)} may say yes")
        return self


class Inherited(Rule):
    """A rule of an agent that delegated, put before those of its child."""

    above: int = Field(1, ge=1)  # generations: 2 is of who delegated to the agent that delegated


def _narrowing(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    for number, rule in enumerate(rules, 1):
        if rule.allow is not None:
            raise ValueError(
                f"rule {number} allows: what holds for every agent only narrows; write what is asked or denied"
            )
    return rules


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    for place, name in enumerate(names):
        if name in names[:place]:
            raise ValueError(f"{name!r} is named twice")
    return names


Sources = Annotated[
    tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")], ...],
    BeforeValidator(_names),
    AfterValidator(_once),
]
Narrowing = Annotated[tuple[Rule, ...], AfterValidator(_narrowing)]


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _clock(value: object) -> object:
    """Numbers are refused: 18 would be eighteen seconds after midnight."""
    if not isinstance(value, str | time):
        raise ValueError("write a time of day as 18:00")
    return value


Clock = Annotated[time, BeforeValidator(_clock)]


class QuietHours(Part):
    """When somebody is not asked, by the clock of their zone: each day from a time to a time, and all of some days."""

    zone: str
    start: Clock | None = Field(None, alias="from")
    end: Clock | None = Field(None, alias="to")
    days: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = ()

    @model_validator(mode="after")
    def _some(self) -> QuietHours:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{self.zone!r} is no time zone; write one as Europe/Berlin") from None
        if (self.start is None) != (self.end is None) or (self.start is None and not self.days):
            raise ValueError("quiet hours are `from` and `to`, as 18:00 and 08:00, or `days`, or both")
        if any(one and one.tzinfo for one in (self.start, self.end)):
            raise ValueError("a time of day is written as 18:00; the zone is `zone`")
        if (self.start is not None and self.start == self.end) or len(set(self.days)) == len(DAYS):
            raise ValueError("somebody who is never asked can decide nothing: leave some time")
        return self


class Reviewer(Part):
    """How far the yes of some people goes: to calls of these tools, where `may` holds. A person is named by id or e-mail, or as
    `group:<name>`; `*` is everybody of whom nothing is said. And when they are not asked."""

    who: People = Field(min_length=1)
    tools: Annotated[tuple[str, ...], BeforeValidator(_names)] = ("*",)
    may: str = "true"
    quiet: QuietHours | None = None


class Check(Part):
    """When the goal is met. Exactly one of: `sql` on `resource` whose first value must be true; `python`, an
    expression over `output`, `report`, `effects`; `schema` for the output; `rubric`, judged by a model;
    `code`, the dotted name of an async function(context) -> (verdict, detail)."""

    name: str
    sql: str | None = None
    resource: str | None = None
    python: str | None = None
    schema_: dict[str, Json] | None = Field(None, alias="schema")
    rubric: str | None = None
    code: str | None = None


def _rates(value: Json) -> Json:
    """`60/m, 1000/d` as people write it; `none` is as fast as it goes."""
    if not isinstance(value, str):
        return value
    return (
        ()
        if value.strip() == "none"
        else tuple(one.strip() for one in value.split(",") if one.strip()) or None
    )


class Connection(Part):
    """An outside system of one kind, or by `use` one of the workspace's, by its name. `http`: an origin, whose requests get the `headers`. `mcp`: a server of tools, by
    its command, which gets `env` and runs behind walls that let through what it `needs`, or by its address, which gets `headers`. `openapi`: the address of an API's description, whose
    operations become tools. `sql`: the resource that is the database;
    statements run as `role`, and its policies are told that field of the person. `mail`: a mailbox. `twilio`: a number for SMS and WhatsApp. `slack`: where Slack's API
    is, which gets the `headers`; it signs what it tells by the secret `signing`. `rate`: how fast these three send, as `60/m` or several; else as providers
    of the kind have it. Secrets are references."""

    use: str = ""
    http: str = Field("", pattern=r"^$|^https?://[^/?#@\s]+/?$")
    openapi: str = Field("", pattern=r"^$|^https?://[^/?#@\s]+/[^@\s]*$")
    mcp: str = ""
    headers: dict[str, str] = {}
    env: dict[str, str] = {}
    needs: Needs = Needs()
    declare: dict[str, Declaration] = {}  # by the name that the server gives a tool; in YAML also a file
    server: Server = Server()  # as it was when its tools were pinned
    pinned: dict[str, Definition] = {}  # what a person has read; from the lock file
    sql: str = ""
    role: str = ""
    person: Literal["", "id", "email"] = ""
    mail: Mailbox | None = None
    twilio: Line | None = None
    slack: str = Field("", pattern=r"^$|^https?://[^?#@\s]+$")
    signing: str = ""
    rate: Annotated[tuple[Rate, ...] | None, BeforeValidator(_rates)] = Field(None, max_length=5)

    @model_validator(mode="before")
    @classmethod
    def _at_its_origin(cls, data: Json) -> Json:
        """An API is where its description is: a key that is given for one goes to no other site."""
        if not isinstance(data, dict) or not isinstance(data.get("openapi"), str) or not data["openapi"]:
            return data
        parts = urlsplit(data["openapi"])
        origin = f"{parts.scheme}://{parts.netloc}"
        if data.get("http", origin) != origin:
            raise ValueError(f"an API is at the site of its description, {origin}: leave http out")
        return {**data, "http": origin}

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if (self.role or self.person) and not self.sql:
            raise ValueError("role and person are for a database: say with sql which resource it is")
        if sum(map(bool, (self.use, self.http, self.mcp, self.sql, self.mail, self.slack, self.twilio))) != 1:
            kinds = "http, the origin of a service, openapi, the address of an API's description, mcp, a server of tools, "
            kinds += "sql, a database among the resources, mail, a mailbox, twilio, a number, and slack, where Slack's API is"
            raise ValueError(f"a connection has one of {kinds}; or use, the name of one of the workspace's")
        if self.declare and not (self.mcp or self.openapi or self.use):
            raise ValueError("declare is for the tools of an MCP server or of an API that describes itself")
        if self.rate is not None and not (self.mail or self.slack or self.twilio):
            raise ValueError(
                "rate is for what sends: a mailbox, a number or Slack; another system's tools have limits"
            )
        if self.signing and not self.slack:
            raise ValueError(
                "signing is the secret by which Slack signs what it tells: say with slack where its API is"
            )
        by_address = bool(self.http or self.slack) or self.mcp.startswith(("http://", "https://"))
        own = self.env or self.needs != Needs()
        if (self.headers and not by_address) or (own and (by_address or not self.mcp)):
            raise ValueError(
                "headers are for what is reached by an address, env and needs for what is started by a command"
            )
        return self


class ToolLimit(Part):
    """Of an agent's calls of a tool, over all its runs and all workers: at the same time, and in a time."""

    concurrent: int | None = Field(None, ge=1)
    rate: Rate | None = None  # `60/m`


class Limits(Part):
    """Of all runs of the agent together, over all workers. None: no limit."""

    runs: int | None = Field(None, ge=1)  # advanced at the same time; others wait in line
    starts: Rate | None = None  # begun in a time, as `100/h`; others wait in line
    queue: int | None = Field(None, ge=1)  # open at the same time, waiting ones too; one more is refused
    tools: dict[str, ToolLimit] = {}


class Guardian(Part):
    """A second model that looks at allowed effects of `tools` before they happen, and may ask or deny. It is told facts,
    never a stranger's words. `model`: the agent's own where empty. `watch`: in words, what it should look for."""

    model: str | tuple[str, ...] = ""
    watch: str = ""
    tools: tuple[str, ...] = ("*",)


class Airlock(Part):
    """How strangers' words are read where `reading` is airlock: a model without tools fills in a form. `model`: the agent's
    own, asked apart, where empty. `forms`: by name or pattern of tools, and `goal` for what came with the goal; the form
    that comes with Remit for all others. `names`: of fields in results, that the agent may see as they stand."""

    model: str | tuple[str, ...] = ""
    forms: dict[str, Written] = {}
    names: tuple[str, ...] = ()


Purpose = Annotated[str, Field(pattern=f"^{NAME}$")]


class Agent(Part):
    """The whole spec."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    description: str = ""
    instructions: str = ""
    # What its runs are for, and so what they may use of people; none: service. A run below has those of the run above as well
    purpose: Purpose | Annotated[tuple[Purpose, ...], Field(max_length=10)] = ()
    model: str | tuple[str, ...] = "auto"  # `provider:model`, a fallback chain, or auto
    tools: tuple[str, ...] = ()  # names, or `family.*`
    knowledge: Sources = ()  # sources of the workspace that it may look things up in, by name
    remit: RemitSpec = RemitSpec()
    rules: tuple[Rule, ...] = ()
    inherited: tuple[Inherited, ...] = ()  # of whoever delegated: its asks and denies, before the own rules
    workspace: Narrowing = ()  # as the workspace had them when the run began: beside all others, and the stricter counts
    # name -> URL; `secret:NAME`, `env:NAME`, `file:PATH` are read when a tool asks, `$NAME` as `env:NAME`
    resources: dict[str, str] = {}
    connections: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,30}$")], Connection] = {}
    output: dict[str, Json] | None = None  # JSON Schema of the result
    checks: tuple[Check, ...] = ()
    team: tuple[Agent, ...] = ()  # whom it may delegate to; in YAML also names or files of agents
    plan: bool = True  # offer the plan tool
    limits: Limits = Limits()
    guardian: Guardian | None = None
    reading: Literal["open", "airlock"] = "open"  # whether the model sees strangers' words as they stand
    airlock: Airlock = Airlock()
    # Effects that a run may have: all that its tools have, or those that its goal asks for, frozen before anything is read
    grant: Literal["tools", "goal"] = "tools"
    reflect: bool = True  # look back once before finishing
    # Of a person's time, by each run that reached its goal: what its owner estimates, shown as that and used for nothing else
    saves: Duration | None = Field(None, gt=timedelta(0))
    triggers: Triggers = ()  # what begins runs of it; no run keeps them in its spec

    @property
    def purposes(self) -> frozenset[str]:
        said = (self.purpose,) if isinstance(self.purpose, str) else self.purpose
        return frozenset(said or (DEFAULT,))

    @model_validator(mode="after")
    def _begun_by_others(self) -> Agent:
        if any(one.after == self.name for one in self.triggers):
            raise ValueError("triggers: an agent that begins when its own run has ended would never stop")
        for one in self.triggers:
            if (name := one.mail or one.slack) and name not in self.connections:
                raise ValueError(
                    f"triggers: {one.name}: the agent has no connection {name!r}: say it under connections"
                )
        return self

    @model_validator(mode="after")
    def _reads_as_it_says(self) -> Agent:
        if self.airlock != Airlock() and self.reading == "open":
            raise ValueError(
                "there is an airlock, but strangers' words do not pass it: say `reading: airlock`, too"
            )
        return self
