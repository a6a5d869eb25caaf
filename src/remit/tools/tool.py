"""A tool: a function, and what it declares of itself.

A declaration says the effect, which arguments are sinks and of what type, who vouches for the result, which
records the gate may look at, and how it is settled when a crash leaves it in doubt. Undeclared means
untrusted output and destructive effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from remit.gate.purposes import DEFAULT
from remit.rate import Limit
from remit.tools.secrets import Secrets

if TYPE_CHECKING:  # heavy, and needed by no list of tools
    from remit.channels.tracked import Tracked
    from remit.chat.room import Room
    from remit.graph.circle import Circle
    from remit.knowledge.search import Shelf
    from remit.tools.mcp.session import Sessions

Json = Any
Effect = Literal["read", "self", "egress", "destroy"]
# read: looks only · self: changes only the run's own things · egress: something leaves · destroy: changes the world
Integrity = Literal["system", "person", "member", "untrusted"]
# member: of somebody who has an account of the workspace; who wrote it is known, and nobody vouches for what it says
# The most confidential that may go to wherever a tool's calls go
Clearance = Literal["public", "workspace", "person", "secret"]


def wall() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may use of the run that calls it."""

    run: UUID
    call_id: str
    key: str  # idempotency key: the same for every attempt of this call, unique to it
    root: Path  # the run's own folder; create on first use
    person: Mapping[str, Json]  # id, email, name, verified: who the run acts for
    inputs: Mapping[str, Json]  # what the trusted trigger gave
    resources: Mapping[str, Any] = field(default_factory=dict)  # what the agent was given, as "shop" -> URL
    goal: str = ""  # the person's own words, as the trusted trigger gave them
    begun: datetime | None = None  # when this call, an effect, was first about to happen
    woken: bool = False  # the time that this call slept for, by Later, has come
    now: Callable[[], datetime] = wall  # the time, by the clock that all workers share
    secrets: Secrets | None = None  # those that the agent names; None: it names none
    sessions: Sessions | None = None  # its conversations with MCP servers
    shelf: Shelf | None = None  # what the agent may look up; None: nothing
    circle: Circle | None = None  # the people whom it may look at; None: nobody
    # Where an e-mail address or a telephone number says that it wants no more, by channel and purpose; empty: nowhere
    leave: Callable[[str, str, str], Awaitable[str]] | None = None
    # How it is heard what becomes of a mail: by its reader, its id, and what is wanted of `opens` and `clicks`; None: it is not
    track: Callable[[str, str, str, Mapping[str, bool]], Awaitable[Tracked | None]] | None = None
    purposes: frozenset[str] = frozenset({DEFAULT})  # what the run is for
    room: Room | None = None  # the chats that it may answer; None: none
    # What the agent is connected to, by name: where, and the headers or variables that go along, secrets as references
    connections: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Settle:
    """How an effect in doubt is settled after a crash.

    `key`: calling again with the same idempotency key is safe. `lookup`: `find(context, args)` returns the
    result if the effect happened, None if it did not; it is asked again `after` seconds before None is believed, as
    what a dead process had sent may still arrive; where it raises CannotTell, a person decides. `ask`: a person decides. `repeat`: doing it twice is as good as once,
    key or not, as reading a page is.
    """

    how: Literal["key", "lookup", "ask", "repeat"] = "ask"
    find: Callable[[ToolContext, Mapping[str, Json]], Awaitable[Json | None]] | None = None
    after: float = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class Labelled:
    """A result that says itself who vouches for it and who may have it, in place of what its tool says of all its results: as
    things stand when it is read. `source`: in words, where it was read."""

    value: Json
    integrity: Integrity = "untrusted"
    fields: Mapping[str, Integrity] = field(default_factory=dict)
    confidentiality: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """Whom a call reaches, by their addresses, and what for. `conversation`: of which it is a part."""

    whom: Sequence[str]
    purpose: str
    conversation: str = ""


@dataclass(frozen=True, slots=True)
class Reaches:
    """That calls of a tool reach people: they pass the rules of contact first (docs/contact.md).

    `whom`: the arguments that say whom, each an identifier or a list of them; `kind`: of these identifiers, where the channel does not
    say; `advertises`: the argument that makes it marketing where it is true; `find`: whom it reaches and what for, where that does not
    stand in the arguments.
    """

    whom: str | tuple[str, ...] = ()
    channel: str = "email"
    purpose: str = "service"
    kind: str = ""
    advertises: str = ""
    find: Callable[[ToolContext, Mapping[str, Json]], Awaitable[Reach]] | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        return (self.whom,) if isinstance(self.whom, str) else self.whom

    @property
    def identifiers(self) -> str:
        """The kind of what the arguments hold."""
        return self.kind or ("email" if self.channel == "email" else "phone")


NOBODY = Reaches()  # an address among the arguments only says of whom something is
ADDRESSES = {"email": "email", "phone": "sms"}  # kinds of sinks, and the channel where a tool says no more


@dataclass(frozen=True, slots=True)
class Tool:
    """A callable with its declaration. `call(context, args)` takes arguments already valid by `schema`."""

    name: str
    description: str
    schema: Mapping[str, Json]  # JSON Schema of the arguments (an object, additionalProperties false)
    call: Callable[[ToolContext, Mapping[str, Json]], Awaitable[Json]]
    effect: Effect = "destroy"
    sinks: Mapping[str, str] = field(default_factory=dict)  # argument -> type: email, url, id:order, …
    integrity: Integrity = "untrusted"  # of the result as a whole: the worst of its fields
    fields: Mapping[str, Integrity] = field(default_factory=dict)  # path -> integrity, where fields differ
    # path -> who may have what stands there (gate/confidentiality.py); empty: the tool says nothing of it
    confidentiality: Mapping[str, str] = field(default_factory=dict)
    clearance: Clearance = "workspace"
    settle: Settle = field(default_factory=Settle)
    # Takes the effect back, given its arguments and its result; its context has a key of its own.
    undo: Callable[[ToolContext, Mapping[str, Json], Json], Awaitable[Json]] | None = None
    records: Mapping[str, Callable[[ToolContext, Mapping[str, Json]], Awaitable[Json]]] = field(
        default_factory=dict
    )  # name in rules -> how the gate reads the record concerned
    timeout: float = 30.0  # seconds
    limit: Limit | None = None  # over all agents and workers
    reaches: Reaches | None = None  # None: what sends and names an address in a sink, reaches whoever has it
    # The arguments in canonical form, or Mend with what is wrong with them.
    validate: Callable[[Mapping[str, Json]], Mapping[str, Json]] | None = None
    definition: str = ""  # SHA-256 of what somebody else's server says that it is; empty for our own
    # How its calls reach people; empty: they reach nobody
    reaching: tuple[Reaches, ...] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "reaching", self._reaching())

    def _reaching(self) -> tuple[Reaches, ...]:
        if self.reaches is not None:
            return (self.reaches,) if self.reaches.whom or self.reaches.find else ()
        if self.effect != "egress":
            return ()
        named = {kind: tuple(name for name, one in self.sinks.items() if one == kind) for kind in ADDRESSES}
        return tuple(Reaches(names, ADDRESSES[kind], kind=kind) for kind, names in named.items() if names)
