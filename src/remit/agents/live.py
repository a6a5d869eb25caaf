"""A run while somebody advances it: its state and transcript, and the pen that writes its journal."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from remit.agents.context import Transcript, instructions
from remit.agents.purpose import purposes_of
from remit.agents.reading import LEARNED, learn
from remit.agents.spec import Agent
from remit.agents.veil import veil_of
from remit.channels.tracked import Tracked
from remit.chat.room import Room
from remit.decisions.desk import Desk
from remit.decisions.leaving import link_for
from remit.decisions.tracked import track
from remit.gate.known import Known
from remit.gate.remembered import Remembered
from remit.gate.rules import Rules
from remit.gate.standing import Hours
from remit.graph.circle import Circle
from remit.graph.identifiers import identifier
from remit.journal.append import Append, status_after
from remit.journal.events import AnyBody, Event, Started
from remit.journal.facts import RESTS, facts_of
from remit.journal.journal import Journal
from remit.journal.lease import Leases
from remit.journal.limits import Turns
from remit.journal.purse import Purse
from remit.journal.state import State, apply
from remit.knowledge.search import Shelf
from remit.models.model import Model, ToolSpec
from remit.rate import Limit
from remit.store.guest import DEFAULT
from remit.tools.mcp.session import Sessions
from remit.tools.secrets import Secrets
from remit.tools.tool import Tool, ToolContext

T = TypeVar("T")
Named = tuple[tuple[str, Limit], ...]  # limits, each with the name that it is held under
AHEAD = 8  # appends that may be under way while the loop goes on; effects, waits and ends always wait for all


@dataclass(slots=True)
class Live:
    """One run being advanced by this process."""

    run: UUID
    spec: Agent
    model: Model
    tools: Mapping[str, Tool]
    rules: Rules
    offered: tuple[ToolSpec, ...]  # the tools as the model sees them, the loop's own included
    journal: Journal
    leases: Leases
    turns: Turns
    desk: Desk  # at which is reserved whom its calls reach
    root: Path  # the run's folder
    resources: Mapping[str, Any]
    secrets: Secrets | None = None  # that the spec names; None: it names none
    sessions: Sessions | None = None  # with MCP servers
    shelf: Shelf | None = None  # what it may look up
    circle: Circle | None = None  # whom it may look at
    room: Room | None = None  # the chats that it may answer
    used: Callable[[str, bool | None, str], None] | None = None  # told of each connection that is called
    purse: Purse | None = None  # None: what it spends is not counted, as in a replay
    withdrawn: Mapping[str, str] = field(
        default_factory=dict
    )  # tools that are others now than were pinned: why
    limits: Mapping[str, Named] = field(default_factory=dict)  # of tools that have any
    state: State = field(default_factory=State)
    transcript: Transcript = field(default_factory=Transcript)
    known: Known = field(default_factory=Known)  # what it has read, for the gate
    watch: Callable[[Event], None] | None = None
    stream: Callable[[str], None] | None = None
    recall: Callable[[str, str], Awaitable[Sequence[Remembered]]] | None = None  # yeses for an agent's tool
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)  # of people who may say yes, by name
    hours: Sequence[Hours] = ()  # in which people are not asked
    guardian: Model | None = None  # who looks over what is allowed, where it is another than the model
    airlock: Model | None = None  # who reads strangers' words, where it is another than the model
    prefix: str = ""
    name: str = ""  # the run's id in words
    connections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # of the spec, for its tools
    person: Mapping[str, Any] = field(default_factory=dict)  # whom the run acts for
    purposes: frozenset[str] = frozenset()  # what it is for
    memory: dict[str, Any] = field(default_factory=dict)  # of this advance only: what guards have found out
    under_way: list[Append] = field(default_factory=list)
    indexed: str = "new"  # the status that the index of runs has
    interrupted: bool = False  # the run was cancelled meanwhile
    running: set[asyncio.Task[Any]] = field(default_factory=set)  # what an interruption breaks off

    def __post_init__(self) -> None:
        # A small model does not gain by it, and its prompts are short.
        refer = not self.model.small and any(tool.sinks for tool in self.tools.values())
        if self.spec.reading == "airlock":
            self.transcript.veil, refer = veil_of(self.spec, self.state), True
        self.prefix, self.transcript.numbered = instructions(self.spec, refer), refer
        self.name, self.purposes = str(self.run), self.spec.purposes
        hidden = {"declare", "server", "pinned"}
        self.connections = {
            name: one.model_dump(mode="json", exclude=hidden) for name, one in self.spec.connections.items()
        }

    @property
    def workspace(self) -> str:
        """Whose run it is."""
        return self.state.started.workspace if self.state.started else DEFAULT

    def take(self, event: Event) -> None:
        """Take in an event that is in the journal."""
        apply(self.state, event)
        self.transcript.apply(event)
        if isinstance(event.body, LEARNED):
            learn(self.known, self.state, event.body)
        if isinstance(event.body, Started):
            self.person = event.body.person.model_dump()
            self.purposes = purposes_of(self.spec, event.body.inputs)
        self.indexed = status_after(event.body) or ("running" if event.seq == 1 else self.indexed)

    def write(self, *bodies: AnyBody) -> None:
        """Append at the end. In memory at once; durable after `settled`."""
        behind = self.under_way[-1] if self.under_way else None
        append = self.journal.submit(self.run, self.state.seq, bodies, behind)
        self.under_way.append(append)
        for event in append.events:
            self.take(event)
            if self.watch:
                self.watch(event)
        if any(isinstance(body, RESTS) for body in bodies):
            append.facts = facts_of(self.state)

    async def settled(self, ahead: int = 0) -> None:
        """Wait until all but the last `ahead` appends are durable. Raises StaleWriter or StoreError."""
        while len(self.under_way) > ahead:
            await self.under_way[0].done
            self.under_way.pop(0)

    async def abandon(self) -> None:
        """Leave without raising: what was submitted either is in the journal or never was."""
        await asyncio.gather(*(append.done for append in self.under_way), return_exceptions=True)
        self.under_way.clear()

    async def attempt(self, work: Awaitable[T]) -> T:
        """Await what an interruption may break off. Raises CancelledError then, with `interrupted` set."""
        task = asyncio.current_task()
        assert task is not None
        self.running.add(task)
        try:
            return await work
        except asyncio.CancelledError:
            if self.interrupted:
                task.uncancel()
            raise
        finally:
            self.running.discard(task)

    def interrupt(self) -> None:
        """The run was cancelled: break off what is running. What became of it is still recorded."""
        if not self.interrupted:
            self.interrupted = True
            for task in self.running:
                task.cancel()

    async def begin(self, child: UUID, started: Started) -> None:
        """Begin a child run, unless it was begun before."""
        if not await self.journal.read(child):
            await self.journal.append(child, 0, [started])

    async def look_at(self, child: UUID) -> tuple[State, Known]:
        """A child run, and what it has read."""
        state, known = State(), Known()
        for event in await self.journal.read(child):
            apply(state, event)
            learn(known, state, event.body)
        return state, known

    def context(self, call_id: str, key: str = "") -> ToolContext:
        started, call = self.state.started, self.state.calls.get(call_id)
        return ToolContext(
            run=self.run,
            call_id=call_id,
            key=key or f"{self.name}:{call_id}",
            root=self.root,
            person=self.person,
            inputs=started.inputs if started else {},
            resources=self.resources,
            secrets=self.secrets,
            sessions=self.sessions,
            shelf=self.shelf,
            circle=self.circle,
            purposes=self.purposes,
            room=self.room,
            connections=self.connections,
            goal=started.goal if started else "",
            begun=call.begun if call else None,
            woken=call.woken if call else False,
            now=self.leases.now,
            leave=self._leave,
            track=self._track,
        )

    async def _track(
        self, call: str, address: str, message: str, wanted: Mapping[str, bool]
    ) -> Tracked | None:
        store = self.journal.store.as_owner(self.workspace)
        return await track(
            store, identifier("email", address), self.run, call, message, wanted, self.leases.now()
        )

    async def _leave(self, address: str, channel: str, purpose: str) -> str:
        who = identifier("email" if channel == "email" else "phone", address)
        return await link_for(self.journal.store.as_owner(self.workspace), who, channel, purpose)
