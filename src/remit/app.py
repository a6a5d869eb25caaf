"""The composition root: settings in, a running platform out. The command line, the API and tests start here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

from remit.agents.connected import withdrawn
from remit.agents.live import Live
from remit.agents.loop import advance
from remit.agents.settle import outcomes, still_open
from remit.agents.spec import Agent
from remit.agents.spend import rest as rest_purse
from remit.agents.think import OWN, SMALL_REPORT, finish_tool
from remit.agents.turns import limits_of, may_run
from remit.agents.workspace import Workspace, hours
from remit.arriving import Arrival, Arrivals
from remit.brought import Batch, again, copy_folder, elsewhere, folder_of
from remit.chat.room import Room
from remit.connections.used import Uses
from remit.decisions.desk import Desk
from remit.errors import LeaseLost, NoSuchRun, StaleWriter, UserError
from remit.feed import Feeds
from remit.fit import fitted
from remit.gist import Gists
from remit.graph.circle import Circle
from remit.journal.branch import begun_by, branch, cut_off
from remit.journal.events import Acted, Began, Event, Finished, Intended, Narrowed, Person, Started
from remit.journal.index import ended, find_run, parent_ended, rest
from remit.journal.journal import Journal
from remit.journal.lease import Leases
from remit.journal.limits import Openings, Turns
from remit.journal.purse import Purse
from remit.journal.state import State, fold
from remit.knowledge.search import Shelf
from remit.models.keys import Keys, model_of
from remit.models.model import Model, Unopened
from remit.models.prices import require_price
from remit.models.registry import close_model
from remit.outfit import agent_at, forked, narrowed_by, outfit
from remit.remembered import list_remembered
from remit.resources import resources_of
from remit.rulebook import Rulebook
from remit.secrets import open_secrets
from remit.settings import Settings
from remit.steering import Steering
from remit.store.store import Sight, Store, open_store
from remit.tail import Tails
from remit.tools.mcp.session import Sessions
from remit.tools.secrets import Resources

Json = Any
BEGUN = 10_000  # runs begun here whose first event is remembered
FRESH = 1.0  # seconds for which nobody else is likely to have advanced them
DEATHS = 10  # of workers, one after the other, in one run, after which a person is asked
RELOADS = 20  # times that a run is read again because somebody else appended to it meanwhile


@dataclass
class App(Steering):
    """Everything that advances runs, over one store."""

    settings: Settings
    store: Store
    journal: Journal
    leases: Leases
    resources: Mapping[str, Any] = field(default_factory=dict)  # over the spec's, by whoever opened it
    models: dict[str, Model] = field(default_factory=dict)
    progress: Callable[..., Any] | None = None
    arrivals: Arrivals = field(default_factory=Arrivals)  # of models that somebody waits for
    lives: dict[UUID, Live] = field(default_factory=dict)  # what this process advances now
    sessions: Sessions = field(default_factory=Sessions)  # with MCP servers
    turns: Turns = field(init=False)
    desk: Desk = field(init=False)  # at which calls reserve whom they reach
    openings: Openings = field(init=False)
    purse: Purse = field(init=False)
    keys: Keys = field(init=False)  # of model providers, that workspaces have
    uses: Uses = field(init=False)  # of connections
    feeds: Feeds = field(init=False)  # of runs that somebody watches
    gists: Gists = field(init=False)  # of runs that somebody looked at lately
    tails: Tails = field(init=False)  # of runs whose page is open
    rulebook: Rulebook = field(init=False)
    host: App | None = None  # of a guest's: that advances its runs. None: it is in Remit's own hands
    _begun: dict[UUID, tuple[list[Event], float]] = field(default_factory=dict)  # just begun here, and when
    _guests: dict[Sight, App] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.feeds, self.gists = Feeds(self.store, self.journal), Gists(self.store)
        self.tails = Tails(self.store, self.gists)
        if self.host is not None:
            self.turns, self.openings, self.purse = self.host.turns, self.host.openings, self.host.purse
            self.desk = self.host.desk
            self.rulebook, self.keys, self.uses = self.host.rulebook, self.host.keys, self.host.uses
            return
        self.turns, self.keys, self.uses = Turns(self.store, self.leases), Keys(self.store), Uses(self.store)
        self.desk = Desk(self.store)
        self.purse, self.rulebook = Purse(self.store), Rulebook(self.store, self.settings)
        self.openings = Openings(self.store, self.settings.max_open_runs)
        self.leases.interrupt = self._interrupt

    def within(self, workspace: str, agents: frozenset[str] | None = None) -> App:
        """The same in the hands of people of a workspace, or of those there for some agents: the database shows them nothing
        else. Raises UserError for what is no name of a workspace."""
        root, key, store = self.host or self, (workspace, agents), self.store
        if store.agents is not None and key != (store.workspace, store.agents):
            raise TypeError("who sees some agents opens nothing else")
        if key not in root._guests:
            store, settings = root.store.within(*key), root.settings.within(workspace)
            own = replace(root, settings=settings, store=store, journal=Journal(store), host=root, _guests={})
            root._guests[key] = own
        return root._guests[key]

    @property
    def root(self) -> App:
        """That which advances runs, whoever's they are."""
        return self.host or self

    async def start(
        self,
        agent: Agent,
        goal: str,
        *,
        person: Person | None = None,
        inputs: Mapping[str, Json] | None = None,
        quoted: str = "",
        grant: Mapping[str, int] | None = None,
        model: Model | None = None,
        run: UUID | None = None,
        version: int | None = None,
        began: Began | None = None,
        files: Batch | None = None,
    ) -> UUID:
        """Begin a run; nothing is done yet but its first event. `grant`: tool -> how often it may act, from a trigger that
        is trusted to know; None: as the agent says. Raises UserError for what cannot work: an unknown
        tool or model, a rule that does not compile, a budget in money for a model of unknown price. Raises Busy where
        too many runs are open already. `run`: its id, where the caller has chosen one; StaleWriter where it has begun.
        `version`: which one of the workspace's agent it is, as it stands. `began`: what began it, where no person did.
        `files`: what is in its folder when it begins."""
        if not goal.strip():
            raise UserError("there is no goal: say what should be reached")
        if model is not None:
            self.models[model.name] = model
            agent = agent.model_copy(update={"model": model.name})
        agent = await fitted(agent, await self.rules(), self.store, grant or ())
        engine = await self.model(agent.model)
        if agent.remit.budget.money is not None:
            require_price(engine)
        await self.openings.admit(agent.name, agent.limits.queue, self.store.workspace)
        run = run or uuid4()
        started = Started(
            goal=goal,
            agent=agent.name,
            spec=agent.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            version=version,
            person=person or Person(),
            inputs=dict(inputs or {}),
            quoted=quoted,
            grant=None if grant is None else dict(grant),
            workspace=self.store.workspace,
            began=began,
            files=[] if files is None else list(files.files),
        )
        await self._begin(run, started, files)
        return run

    async def _begin(self, run: UUID, started: Started, files: Batch | None) -> None:
        """Write its first event, with its files in its folder before, and remember it for whoever advances it here."""
        if files is not None:
            await files.put(run)
        self._begun[run] = (await self.journal.append(run, 0, [started]), monotonic())
        if files is not None:
            files.begun()
        while len(self._begun) > BEGUN:
            self._begun.pop(next(iter(self._begun)))

    async def advance(
        self,
        run: UUID,
        *,
        watch: Callable[[Event], None] | None = None,
        stream: Callable[[str], None] | None = None,
        urgent: bool = False,
    ) -> State:
        """Go on with a run until it ends or waits; safe to call from anywhere, at any time, twice. Beyond its agent's
        limits it stands in line instead, unless it is `urgent`: somebody sits and watches.

        Raises StaleWriter if another worker has it, StoreError if the database is away.
        """
        if self.host is not None:
            await self.state(run)  # theirs, or there is none
            return await self.host.advance(run, watch=watch, stream=stream, urgent=urgent)
        async with self.leases.hold(run) as deaths, self.turns.left(run):
            lost: dict[str, tuple[Acted, Intended | None]] = {}
            for _ in range(RELOADS):
                live = self.lives[run] = await self._live(run, watch, stream)
                try:
                    await self._narrow(live)
                    if again := still_open(live.state, lost):
                        self.leases.check(run)
                        live.write(*again)
                    if not await may_run(live, urgent):
                        return live.state
                    if await self._may_go_on(live, deaths):
                        await advance(live)
                except LeaseLost:
                    await live.abandon()
                    raise
                except StaleWriter:
                    lost |= outcomes(live)
                    await live.abandon()
                    continue
                except BaseException:
                    await live.abandon()
                    raise
                finally:
                    self.lives.pop(run, None)
                if live.indexed != live.state.status:
                    await rest(self.store, run, live.state.seq, live.state.status)
                return live.state
            raise StaleWriter(f"run {run} is being changed by somebody else all the time; try again")

    async def _may_go_on(self, live: Live, deaths: int) -> bool:
        """Whether the run should be advanced: not one that kills its workers, nor one whose parent has ended."""
        state = live.state
        if state.finished or state.started is None:
            return True
        if state.started.parent is not None and await parent_ended(self.store, live.run):
            live.write(Finished(status="cancelled", why="the run that delegated this has ended"))
        elif deaths >= DEATHS:
            live.write(
                again("deaths", f"{deaths} workers died one after the other while they advanced it", state)
            )
        elif state.started.files and (why := await elsewhere(live.root, state)):
            live.write(again("files", why, state))
        else:
            return True
        await live.settled()
        await rest_purse(live)
        return False

    async def _narrow(self, live: Live) -> None:
        """Put the run under the rules that the workspace has by now. Those that it has are never taken away."""
        if live.state.finished is not None:
            return
        if new := (await self.rules(live.workspace)).missing(live.spec):
            self.leases.check(live.run)
            live.write(Narrowed(rules=[rule.model_dump(mode="json", exclude_defaults=True) for rule in new]))
            live.spec = narrowed_by(live.spec, live.state.narrowed)
            live.rules = outfit(live.spec).rules

    async def rules(self, workspace: str = "") -> Workspace:
        return await self.rulebook.held(workspace or self.settings.workspace)

    async def _interrupt(self, held: Collection[UUID]) -> None:
        """Break off what runs of ours are doing that were cancelled meanwhile."""
        for run in await ended(self.store, list(held)):
            if live := self.lives.get(run):
                live.interrupt()

    async def fork(
        self, run: UUID, at: int | None = None, changes: Mapping[str, Json] | None = None, by: str = ""
    ) -> UUID:
        """A new run that shares this one's events up to `at` (its end where None), and its files as they are now.
        Effects before are not repeated; what comes after is new and judged anew. `changes` are to the spec:
        instructions, model, … Raises UserError where an effect was under way at `at` and its outcome is unknown."""
        last, begun = await begun_by(self.store, run, at)
        first = forked(begun, last, changes or {}, by)
        new, now = uuid4(), datetime.now(UTC)
        found = await cut_off(self.store, run, last, now)
        await copy_folder(self.settings.data_dir, run, new)
        await branch(self.store, run, new, first, found, now)
        return new

    async def state(self, run: UUID) -> State:
        """The fold of a run. Raises UserError where there is none."""
        events = await self.journal.read(run)
        if not events:
            raise NoSuchRun(f"there is no run {run}")
        return fold(events)

    async def find(self, prefix: str) -> UUID:
        """The run whose id begins with `prefix`; `last` is the newest. Raises UserError if none or several do."""
        return await find_run(self.store, prefix)

    async def model(self, name: str | Sequence[str], workspace: str = "") -> Model:
        whose = workspace or self.store.workspace
        return await model_of(self.models, self.keys, name, whose, self.settings, self.progress)

    async def arriving(self, name: str | Sequence[str], stop: bool = False) -> Arrival | None:
        """The model, if somebody has to wait for it, as its weights are fetched first; None once it is there. `stop`: it is
        fetched no further. Raises as `model` does."""
        key = f"{self.store.workspace} {name}"
        if stop:
            await self.arrivals.stop(key)
            return None
        opened = partial(model_of, self.models, self.keys, name, self.store.workspace, self.settings)
        return await self.arrivals.wait(key, opened)

    async def _live(
        self, run: UUID, watch: Callable[[Event], None] | None, stream: Callable[[str], None] | None
    ) -> Live:
        begun = self._begun.pop(run, None)
        fresh = begun is not None and monotonic() - begun[1] < FRESH
        events = begun[0] if begun and fresh else await self.journal.read(run)
        ended = any(isinstance(event.body, Finished) for event in events)
        live = await self.live_from(
            run, events, model=Unopened() if ended else None, watch=watch, stream=stream
        )
        live.purse, live.used = self.purse, self.uses.by(live)
        self.feeds.hear(live)
        if live.connections and not ended and (gone := await withdrawn(live)):
            live.withdrawn = gone
            live.offered = tuple(tool for tool in live.offered if tool.name not in gone)
        return live

    async def live_from(
        self,
        run: UUID,
        events: Sequence[Event],
        *,
        model: Model | None = None,
        resources: Mapping[str, Any] | None = None,
        watch: Callable[[Event], None] | None = None,
        stream: Callable[[str], None] | None = None,
    ) -> Live:
        """A run as these events tell it, ready to be advanced; with `model` and `resources` in place of its own."""
        if not events or not isinstance(first := events[0].body, Started):
            raise NoSuchRun(f"there is no run {run}")
        agent = agent_at(events)
        fitted = outfit(agent)
        # Who stands in for the model stands in for those beside it, too.
        whose, watcher = first.workspace, agent.guardian.model if agent.guardian else ""
        guardian = None if model else await self._beside(watcher, whose)
        airlock = None if model or agent.reading == "open" else await self._beside(agent.airlock.model, whose)
        model = model or await self.model(agent.model, whose)
        offered = fitted.offered
        if model.small:
            kept = (t for t in offered if t.name not in OWN)
            offered = (*kept, finish_tool(agent.output, SMALL_REPORT))
        store = self.store.as_owner(first.workspace)
        given = await resources_of(agent, self.resources, store) if resources is None else resources
        if (secrets := await open_secrets(agent, given, store)) is not None:
            given = Resources(given, secrets)
        workspace = await self.rules(first.workspace)
        live = Live(
            run=run,
            spec=agent,
            model=model,
            tools=fitted.tools,
            rules=fitted.rules,
            offered=offered,
            journal=self.journal,
            leases=self.leases,
            turns=self.turns,
            desk=self.desk,
            guardian=guardian,
            airlock=airlock,
            recall=partial(list_remembered, store),
            groups=workspace.groups,
            hours=hours(workspace),
            limits=limits_of(agent, fitted.tools, self.settings.tool_limits, first.workspace),
            root=folder_of(self.settings.data_dir, run),
            resources=given,
            secrets=secrets,
            sessions=self.sessions,
            shelf=Shelf(store, agent.knowledge) if agent.knowledge else None,
            circle=Circle(store),
            room=Room(store, agent.name),
            watch=watch,
            stream=stream,
        )
        for event in events:
            live.take(event)
        return live

    async def _beside(self, named: str | Sequence[str], workspace: str) -> Model | None:
        """A model beside the agent's own; None where it is that one."""
        return await self.model(named, workspace) if named else None


@asynccontextmanager
async def open_app(
    settings: Settings,
    *,
    resources: Mapping[str, Any] | None = None,
    progress: Callable[..., Any] | None = None,
) -> AsyncIterator[App]:
    """The platform over the store of `settings`; closes what it opened. Raises StoreError."""
    async with open_store(settings) as store:
        leases = Leases(store, ttl=settings.lease_ttl)
        app = App(settings, store, Journal(store), leases, dict(resources or {}), progress=progress)
        try:
            yield app
        finally:
            await app.arrivals.close()
            await app.sessions.close()
            await app.uses.settled()
            await app.desk.close()
            for one in (*app._guests.values(), app):
                await one.journal.close()
            await app.leases.close()
            for model in app.models.values():
                await close_model(model)
