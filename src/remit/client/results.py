"""What the API answers, as types. An answer may have more fields than these by now; they are kept, as attributes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

Status = Literal[
    "running", "waiting", "paused", "met", "not met", "cannot verify", "refused", "cancelled", "failed"
]
Happened = Literal["asked", "rejected", "denied", "acted", "doubt"]
Integrity = Literal["system", "person", "member", "untrusted"]
Period = Literal["day", "month"]
OPEN = ("running", "waiting", "paused")


class Result(BaseModel):
    """An answer."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)  # with the first answer

    @classmethod
    def of(cls, found: Any) -> Self:
        return cls.model_validate(found)


class Person(Result):
    """For whom a run acts."""

    id: str
    email: str
    name: str
    verified: bool
    by: str


class Changed(Result):
    """An argument that a person changed: what the agent had there."""

    by: str
    was: Any


class Ask(Result):
    """What a run waits for a person to say. `digest` binds a yes to exactly this."""

    run: UUID
    id: str
    kind: Literal["approval", "question", "doubt", "budget"]
    text: str
    digest: str
    expires: datetime | None
    by: list[str]
    persons: int
    endorsed: list[str]
    tool: str
    args: dict[str, Any]
    changed: dict[str, Changed] = {}
    rule: str
    reasons: list[str]
    evidence: dict[str, str]
    provenance: dict[str, str]


class Checked(Result):
    """A done check's verdict."""

    check: str
    verdict: Literal["met", "not met", "cannot verify"]
    detail: str


class Run(Result):
    """A run, as its journal tells it. Money in US dollars, time in seconds."""

    id: UUID
    agent: str
    goal: str
    person: Person
    status: Status
    queued: str | None
    parent: UUID | None
    fork_of: UUID | None
    created_at: datetime
    events: int
    steps: int
    tokens: int
    cost: Decimal
    seconds: float
    report: str
    output: Any
    why: str
    checks: list[Checked]
    asks: list[Ask]

    @property
    def ended(self) -> bool:
        return self.status not in OPEN


class RunRow(Result):
    """A run, as the list has it."""

    id: UUID
    agent: str
    goal: str
    person: str
    status: Status
    created_at: datetime
    updated_at: datetime
    cost: Decimal | None  # null until it ends or waits for a person


class RunFile(Result):
    """A file of a run. Where it `came` with it, `sha256` is as it came. Not `here`: it was removed, or lies on another machine."""

    name: str
    kind: Literal["came", "made"]
    bytes: int
    sha256: str | None
    here: bool


class Child(Result):
    """A run that was delegated a part of another's goal."""

    parent: UUID
    run: RunRow


class Event(Result):
    """An event of a run's journal; `body` as `docs/api.md` and the OpenAPI document have it, by its `type`."""

    run: UUID
    seq: int
    at: datetime
    body: dict[str, Any]

    @property
    def type(self) -> str:
        return str(self.body["type"])


class Effect(Result):
    """Something that was done to the world, or begun."""

    run: UUID
    call: str
    tool: str
    args: dict[str, Any]
    outcome: str
    key: str
    attempts: int
    begun: datetime
    ended: datetime | None
    result: Any
    rule: str
    approved_by: str


class Origin(Result):
    """An event in which a value stood before a call, and who says so."""

    event: int
    what: str
    integrity: str


class Value(Result):
    """An argument of a call: what the tool got, what the model wrote, and what vouches for it."""

    name: str
    value: Any
    written: Any
    evidence: str
    sources: list[Origin]


class Why(Result):
    """What led to a call. `answer`: the event with the model's answer that wanted it."""

    run: UUID
    call: str
    tool: str
    outcome: str
    answer: int
    verdict: str
    rule: str
    reasons: list[str]
    approved_by: str
    values: list[Value]


class Totals(Result):
    """What a run came to. Money in US dollars, time in seconds."""

    run: UUID
    status: Status
    steps: int
    tokens: int
    cost: Decimal
    seconds: float
    effects: int
    simulated: int
    denied: int
    asked: int


class Change(Result):
    """A value that differs."""

    where: str
    a: Any
    b: Any


class Row(Result):
    """Two events side by side, by their numbers, or one alone."""

    kind: Literal["same", "a", "b", "differs"]
    a: int | None
    b: int | None
    aside: bool
    note: str
    changes: list[Change]


class Parting(Result):
    """Where two runs part: in each the event, or the last one before it."""

    a: int
    b: int


class Comparison(Result):
    """Two runs, event by event."""

    same: bool
    parted: Parting | None
    a: Totals
    b: Totals
    rows: list[Row]


class Agent(Result):
    """An agent at hand; `spec` where one was asked for by name."""

    name: str
    source: Literal["workspace", "library"]
    version: int | None
    description: str
    autonomy: Literal["shadow", "draft", "ask", "act"]
    tools: list[str]
    spec: dict[str, Any] | None = None


class Mistake(Result):
    """What keeps a draft from being used: where in the spec, and what."""

    pointer: str
    detail: str


class Draft(Result):
    """What people work on. `rev` counts every change; `published` is the version that runs."""

    name: str
    rev: int
    yaml: str
    changed: bool
    by: str
    at: datetime | None
    published: int | None
    archived: bool
    wrong: list[Mistake]


class Version(Result):
    """What was published once; `yaml` where one was asked for by its number."""

    version: int
    note: str
    by: str
    at: datetime
    same_as: int | None
    runs: bool
    yaml: str | None = None


class Tool(Result):
    """A tool with what it declares."""

    name: str
    description: str
    effect: Literal["read", "self", "egress", "destroy"]
    arguments: dict[str, Any]
    sinks: dict[str, str]
    integrity: Integrity
    fields: dict[str, Integrity]
    settled_by: Literal["key", "lookup", "ask", "repeat"]
    can_undo: bool
    timeout: float


class Model(Result):
    """A model that can be chosen; `why` says what to do where it is not available. Prices: US dollars a million tokens."""

    name: str
    source: str
    available: bool
    why: str
    input_price: Decimal | None
    output_price: Decimal | None


class Firing(Result):
    """What a trigger heard, and what became of it; `run`: the one that it begins, once it is begun."""

    id: UUID
    at: datetime
    by: str
    state: Literal["due", "starting", "begun", "skipped", "failed"]
    why: str
    run: UUID


class Refusal(Result):
    """A delivery that was not taken."""

    at: datetime
    why: str


class Trigger(Result):
    """A trigger of the version of an agent that runs; `next`: the next times of a schedule."""

    agent: str
    name: str
    kind: Literal["schedule", "webhook", "after", "mail", "slack"]
    version: int
    begins: str
    state: str
    spec: dict[str, Any]
    paused_at: datetime | None
    paused_by: str
    next: list[datetime]
    path: str
    secret_at: datetime | None
    last: Firing | None


class Budget(Result):
    """A budget, and what is spent of it in the day or month that goes on; of no `agent`: the workspace's. None: not limited."""

    agent: str
    period: Period
    money: Decimal | None
    tokens: int | None
    since: datetime
    until: datetime
    spent_money: Decimal
    spent_tokens: int
    waiting: int
    by: str
    set_at: datetime


class ModelKey(Result):
    """A provider's key that is kept, without its value. `used` False: the server's environment has one, or it is not `readable`
    there: set it again."""

    provider: str
    by: str
    set_at: datetime
    readable: bool
    used: bool


class RetentionRule(Result):
    """How long ended runs are kept, of no `agent`: of all that have no rule of their own. Ages as `90d`; None: never. `kept`: runs
    that could not be archived the last time, and `why` the first of them could not."""

    agent: str
    archive_after: str | None
    delete_after: str | None
    by: str
    set_at: datetime
    next_at: datetime
    applied_at: datetime | None
    kept: int
    why: str


class InstallationRule(Result):
    """What the installation says for all workspaces; the sooner of two rules holds."""

    archive_after: str | None
    delete_after: str | None


class Retained(Result):
    """What an application of a rule has come to; bytes of the journals that were archived, and of their archives."""

    at: datetime
    policy: str
    archived: int
    bytes_before: int
    bytes_after: int
    deleted: int


class Retention(Result):
    """How long ended runs are kept, and what was done about it lately."""

    rules: list[RetentionRule]
    installation: InstallationRule
    done: list[Retained]


class Foreseen(Result):
    """What a rule would do now, in runs; of each agent some are counted at the most."""

    archive: int
    delete: int
    oldest_archived: datetime | None
    oldest_deleted: datetime | None


Confidentiality = Literal["public", "workspace", "person", "secret"]


ConnectionKind = Literal["mcp", "openapi", "http", "sql", "mail", "slack"]


class Connection(Result):
    """An outside system, without its secrets. `healthy` None: nobody has tried; `went`: what went wrong when a run last used it."""

    name: str
    kind: ConnectionKind
    where: str
    secrets: tuple[str, ...]
    by: str
    at: datetime
    healthy: bool | None
    tried: str
    tried_at: datetime | None
    used_by: str
    used_run: UUID | None
    used_at: datetime | None
    went: str


class Trial(Result):
    """What came of trying a connection."""

    works: bool
    words: str


class KnowledgeSource(Result):
    """A source of documents, and how much is in it. `vouched_by` None: what stands in it is strangers' words."""

    name: str
    title: str
    about: str
    confidentiality: Confidentiality
    language: str
    by: str
    at: datetime
    vouched_by: str | None
    vouched_at: datetime | None
    documents: int
    size: int
    characters: int
    changed_at: datetime | None


class KnowledgeDocument(Result):
    """A document, without its text. `folder`: that it was synced from; empty: somebody added it."""

    name: str
    title: str
    kind: str
    sha256: str
    size: int
    characters: int
    folder: str
    by: str
    at: datetime


class DocumentText(Result):
    """A part of a document's text; `next`: where the next begins."""

    document: str
    title: str
    by: str
    heading: str
    starts: int
    text: str
    next: int | None
    characters: int


class Passage(Result):
    """A passage that was found; its score is to be compared within one answer only."""

    source: str
    document: str
    title: str
    by: str
    heading: str
    starts: int
    text: str
    score: float


class SetAside(Result):
    """A row that was not taken in: which of those that were sent, and why."""

    row: int
    field: str
    why: str


class Taken(Result):
    """What became of rows; `known`: that were there before, or twice among them."""

    new: int
    known: int
    set_aside: list[SetAside]


class Profile(Result):
    """An identifier of a person. `shared`: why it is taken for many people's; empty: it is not."""

    id: int
    kind: str
    value: str
    verified: bool
    shared: str


class Link(Result):
    """Why two identifiers are taken for one person's; `held`: why they are not."""

    id: int
    a: int
    b: int
    how: str
    confidence: float
    source: str
    event: str
    at: datetime
    seen: int
    by: str
    held: str
    withdrawn_at: datetime | None


class Consent(Result):
    """Whether somebody may be written to; empty: on any channel, for any purpose."""

    channel: str
    purpose: str
    says: Literal["yes", "no"]
    since: datetime
    because: str


class Doubt(Result):
    """Two who may be one person, with the evidence that raises it."""

    a: int
    b: int
    called_a: str
    called_b: str
    held: str
    source: str
    event: str
    at: datetime
    seen: int


class PersonState(Result):
    """What everything heard of somebody comes to. Times are in days; `channels` are shares."""

    stage: str
    count: int
    recency: float
    woke: float | None
    channels: dict[str, float]
    spent: dict[str, Decimal]
    worth: dict[str, float]


class KnownPerson(Result):
    """Who is one person, as far as is known. `about`: of each attribute what was said last, when, and by which source."""

    id: int
    name: str
    about: dict[str, Any]
    profiles: list[Profile]
    links: list[Link]
    state: PersonState | None
    consent: list[Consent]


class FoundPerson(Result):
    """A person in a list; `by`: by which they were found, or are known best."""

    id: int
    called: str
    by: str
    last: datetime | None


class Interaction(Result):
    """What happened once."""

    source: str
    event: str
    profile: int
    at: datetime
    received: datetime
    channel: str
    direction: str
    kind: str
    conversation: str
    subject: str
    text: str
    value: Decimal | None
    currency: str
    properties: dict[str, Any]


class Rejected(Result):
    """A row that was set aside, as it came."""

    id: int
    source: str
    line: int
    field: str
    why: str
    row: str
    at: datetime


class Webhook(Result):
    """An address that is told; `secret` only where it was just made."""

    id: UUID
    url: str
    events: list[str]
    agents: list[str]
    by: str
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_why: str
    secret: str | None = None


class Delivery(Result):
    """A message to a webhook, and how its sending went."""

    id: UUID
    number: str
    message: dict[str, Any]
    state: Literal["due", "done", "dead"]
    attempts: int
    due_at: datetime
    tried_at: datetime | None
    status: int | None
    said: str
