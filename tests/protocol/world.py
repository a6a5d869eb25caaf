"""Processes, a person and a system outside, over one database: what may happen next, and its happening.

A step of the world is a label, as `w1 append intended` or `w1 is killed`; a schedule is a list of labels, so that every
state can be come to again. Between two steps each process runs until all of it waits for something.
"""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from remit.app import App
from remit.crew import SWEEP
from remit.errors import NotWaiting, StaleWriter, StoreError
from remit.journal.events import Person, Started
from remit.journal.lease import Leases
from remit.journal.state import State, fold
from remit.models.model import ToolCall
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.protocol import judge
from tests.protocol.loop import Clock, Loop
from tests.protocol.tables import SimulatedJournal, SimulatedStore, Tables, Told

NOTHING = UUID(int=0)
LONGEST = 60.0  # seconds that the world waits for something to change
AWAY = psycopg.OperationalError("the connection was lost")
SETTINGS = Settings(database_url="postgresql://simulated", data_dir=Path("/simulated"))
AGENT: dict[str, Any] = {"name": "payer", "plan": False, "reflect": False}


@dataclass(frozen=True)
class Scene:
    """A small case: what may happen in it."""

    tool: str = "by_key"
    approval: bool = False  # the effect is asked about first
    runs: int = 1
    workers: int = 2
    faults: tuple[str, ...] = ("kill", "stop", "cut", "lose", "fail")
    at_most: int = 1  # faults in one schedule
    person: tuple[str, ...] = ("approve",)  # what she may say to an approval
    doubts: tuple[str, ...] = ("approve", "answer", "reject")  # and about an effect in doubt
    again: int = 0  # answers to what has been answered
    cancels: int = 0
    late: bool = (
        False  # a process may be stopped between its last look at the lease and its effect's first byte
    )
    points: frozenset[str] = frozenset({"take", "give back", "read", "append", "update", "effect", "find"})
    settled: bool = True  # the end is judged by what became of effects, too


@dataclass
class Op:
    """Something that was sent to the database or to the system outside, and is not answered yet."""

    process: Process
    name: str
    about: str
    do: Callable[[], Any]
    future: asyncio.Future[Any]
    run: UUID = NOTHING
    lease: UUID = NOTHING  # the name under which it was sent
    sent: bool = True  # surely on its way: not if its process was stopped right before it could send it

    @property
    def quick(self) -> bool:
        """Answered long before a lease ends, unless that is the fault that is tried."""
        return self.name != "effect" and not self.process.stopped

    @property
    def counts(self) -> bool:
        """Whether the lease under which it was sent counts still."""
        return self.awaited and self.process.fit and self.process.leases.id == self.lease

    @property
    def awaited(self) -> bool:
        return self.process.alive and not self.future.done()

    @property
    def label(self) -> str:
        return f"{self.process.name} {self.name} {self.about}".strip()


@dataclass
class Process:
    """A worker, or a command of a person."""

    world: World
    name: str
    number: int
    at_once: int = 0  # ops that are answered at once: all of them where negative
    alive: bool = True
    stopped: bool = False
    cut: bool = False  # its beats do not come through
    past: int = 0  # hash of all that its memory depends on
    answers: list[tuple[Op, Any]] = field(default_factory=list)  # come while it was stopped
    tasks: dict[UUID, asyncio.Task[Any]] = field(default_factory=dict)
    names: int = 0
    sweeper: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.loop = Loop(self.world.clock, self)
        store: Any = SimulatedStore(self.world.tables, self.ask)
        self.leases = Leases(store, name=self.name, id=self.next_id())
        self.app = App(SETTINGS, store, SimulatedJournal(store), self.leases, {"outside": self})
        self.app.models[self.world.model.name] = self.world.model
        self.id_at_work = self.leases.id

    def next_id(self) -> UUID:
        self.names += 1
        return UUID(int=self.number * 256 + self.names)

    @property
    def fit(self) -> bool:
        return self.world.clock.now < self.leases.until

    @property
    def blocked(self) -> bool:
        """Its statements about leases wait for the answer to one before them."""
        return self.leases._alone.locked()

    @property
    def idle(self) -> bool:
        return not self.tasks

    def begin(self, run: UUID, work: Coroutine[Any, Any, Any]) -> None:
        self.past = hash(("begin", run, self.idle_memory()))
        self.tasks[run] = task = self.loop.create_task(self._to_its_end(work))
        task.add_done_callback(lambda task: self._ended(run, task))
        self.loop.run()

    def _ended(self, run: UUID, task: asyncio.Task[Any]) -> None:
        self.tasks.pop(run, None)
        if not task.cancelled() and (error := task.exception()):
            self.loop.troubles.append("".join(traceback.format_exception(error)[-3:]))

    async def _to_its_end(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except (StaleWriter, StoreError, NotWaiting, psycopg.OperationalError):
            return  # somebody else has it, or it will be tried again

    async def ask(self, name: str, about: str, do: Callable[[], Any]) -> Any:
        """Send a statement, and wait for its answer."""
        if not self.alive:
            return await self.loop.create_future()
        if self.cut and name in ("beat", "see", "select"):
            raise AWAY
        if self.at_once or name not in self.world.scene.points:
            self.at_once -= self.at_once > 0
            return self._hear(name, do())
        if name == "read":
            self._remember_afresh(about)
        op = Op(self, name, about, do, self.loop.create_future())
        self.world.ops.append(op)
        return await op.future

    def _hear(self, name: str, answer: Any) -> Any:
        self.past = hash((self.past, name, essence(answer), self.world.clock.now))
        return answer

    def _remember_afresh(self, about: str) -> None:
        """When a run is read (again), all that is kept of the past is what `App.advance` has in its hands."""
        frames = [task.get_coro().cr_frame.f_locals.get("work") for task in self.tasks.values()]  # type: ignore[union-attr]
        if len(frames) == 1 and getattr(frames[0], "__name__", "") == "advance" and not self.world.busy(self):
            lost = frames[0].cr_frame.f_locals.get("lost", ())
            self.past = hash(("read", about, self.idle_memory(), repr(lost)))

    async def effect(self, run: UUID, call_id: str, key: str, tool: str) -> str:
        """The system outside is asked to do it."""
        intended = judge.begins(self.world, self, run, call_id, key)
        op = Op(self, "effect", key[-5:], lambda: None, self.loop.create_future(), run, self.leases.id)
        op.do = lambda: judge.happens(self.world, op, key, tool, intended)
        self.world.ops.append(op)
        return str(await op.future)

    async def find(self, key: str) -> str | None:
        found: str | None = await self.ask(
            "find", key[-5:], lambda: "done" if any(e.key == key for e in self.world.done) else None
        )
        return found

    def idle_memory(self) -> tuple[Any, ...]:
        lease = self.leases
        held = tuple(lease.held.items()), tuple(sorted(lease.lost)), tuple(sorted(lease._let_go))
        owed = tuple(sorted(lease._owed)), tuple(sorted(lease._unsure))
        return (lease.id, lease.until, lease._entered, held, owed, tuple(lease._seen.items()))

    def memory(self) -> tuple[Any, ...]:
        """Two worlds with the same memories and the same tables go on alike."""
        waits = tuple(sorted((op.label, op.sent) for op in self.world.ops if op.process is self))
        heard = tuple((op.label, essence(answer)) for op, answer in self.answers)
        state = (self.alive, self.stopped, self.cut, waits, heard)
        if not self.alive:
            return state
        past = 0 if self.idle and not waits else self.past
        rings = tuple(sorted(timer.when() for timer in self.loop.timers if not timer.cancelled()))
        return (*state, past, self.idle_memory(), rings, self.at_once)


def essence(answer: Any) -> Any:
    if isinstance(answer, BaseException):
        return type(answer).__name__
    if isinstance(answer, Told):
        return answer.rows
    return tuple(answer) if isinstance(answer, list) else answer


@dataclass
class World:
    scene: Scene
    clock: Clock = field(default_factory=Clock)
    tables: Tables = field(default_factory=Tables)
    ops: list[Op] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    done: list[judge.Done] = field(default_factory=list)
    begun: set[tuple[UUID, int]] = field(default_factory=set)  # intents whose effect was about to be sent
    repeats: int = 0  # by a process that was stopped before the first byte of its effect
    faults: int = 0
    written: dict[UUID, tuple[str, ...]] = field(default_factory=dict)  # the journals one step before
    wrong: list[str] = field(default_factory=list)
    again: int = 0
    cancels: int = 0
    schedule: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        call = ToolCall("x", self.scene.tool, {})
        finish = ToolCall("x", "finish", {"report": "done", "outcome": "done"})
        self.model = ScriptedModel([call, finish], by_turn=True)
        self.runs = [UUID(int=0xA00 + number) for number in range(self.scene.runs)]
        for number in range(self.scene.workers):
            self.process(f"w{number + 1}")
        said = "ask" if self.scene.approval else "allow"
        spec = {
            **AGENT,
            "model": self.model.name,
            "tools": [f"tests.protocol.tools:{self.scene.tool}"],
            "rules": [{"tool": self.scene.tool, said: "true"}],
            "remit": {"autonomy": "act"},
        }
        person = self.command("setup")
        started = Started(goal="pay", agent="payer", spec=spec, person=Person(id="ann"))
        for run in self.runs:
            person.begin(run, person.app.journal.append(run, 0, [started]))
        self.leave(person)
        for process in self.processes:  # each is known to the others, and has seen them
            process.at_once = -1
            process.begin(UUID(int=1), _be_known(process))
            process.at_once = 0
        for process in self.processes:
            process.sweeper = process.loop.create_task(_sweep(process))
            process.loop.run()

    def process(self, name: str) -> Process:
        self.processes.append(Process(self, name, len(self.processes) + 1))
        return self.processes[-1]

    def command(self, name: str) -> Process:
        """A process that is gone when its command is done; its statements are answered at once."""
        return Process(self, name, 0x40 + len(self.schedule), at_once=-1)

    def leave(self, process: Process) -> None:
        process.alive = False
        process.loop.end()

    def busy(self, process: Process) -> bool:
        return any(op.process is process for op in self.ops)

    def state(self, run: UUID) -> State:
        return fold(self.tables.read(run))

    def close(self) -> None:
        for process in self.processes:
            self.leave(process)

    def key(self) -> int:
        """The same for worlds that go on alike."""
        tables = self.tables
        shared = (
            tuple(tables.text(run) for run in self.runs),
            tuple((id, *row) for id, row in tables.workers.items()),
            tuple(sorted(tables.leases.items())),
            tuple(tables.runs.items()),
        )
        outside = (*self.done, *sorted(self.begun))
        left = (self.clock.now, self.faults, self.again, self.cancels)
        return hash((shared, outside, left, tuple(process.memory() for process in self.processes)))

    # What may happen next

    def must(self) -> list[str]:
        """Steps of which one is taken sooner or later, however lucky or unlucky the world is."""
        found = [op.label for op in self.ops if op.awaited and op.process.stopped <= op.sent]
        for process in self.processes:
            if process.alive and not process.stopped and process.name[0] == "w":
                found += [
                    f"{process.name} goes on with {number}"
                    for number, run in enumerate(self.runs)
                    if run not in process.tasks
                    and (self.tables.unattended(run) or run in process.leases._unsure)
                ]
        if self._time_tells() and not any(op.awaited and op.quick for op in self.ops):
            found.append("time passes")
        return list(dict.fromkeys(found))

    def may(self) -> list[str]:
        """Steps that may be taken or not."""
        found = [op.label for op in self.ops if not op.awaited]  # what a dead process had sent
        found += [f"{p.name} is continued" for p in self.processes if p.alive and p.stopped]
        if self.faults < self.scene.at_most:
            found += self._faults()
        for number, run in enumerate(self.runs):
            state = self.state(run)
            for asked in state.waits.values():
                says = self.scene.person if asked.kind == "approval" else self.scene.doubts
                found += [f"olga says {word} to {asked.ask_id} of {number}" for word in says]
            if self.again < self.scene.again:
                found += [f"olga says approve again to {ask_id} of {number}" for ask_id in state.replies]
            if self.cancels < self.scene.cancels and state.finished is None:
                found.append(f"olga cancels {number}")
        return list(dict.fromkeys(found))

    def _faults(self) -> list[str]:
        found: list[str] = []
        run = [p for p in self.processes if p.alive and not p.stopped and not p.cut and p.name[0] == "w"]
        for process in run:
            if not process.idle and len(run) > 1:
                found += [f"{process.name} is {word}" for word in _DONE_TO if word in self._wanted()]
        if "slow" in self.scene.faults and any(process.fit and process.blocked for process in run):
            found.append("time passes while a statement is under way")
        for op in self.ops:
            if (
                op.process.alive
                and not op.process.stopped
                and op.name in ("append", "take", "give back", "read")
            ):
                if "lose" in self.scene.faults and op.name != "read":
                    found.append(f"the answer is lost: {op.label}")
                if "fail" in self.scene.faults:
                    found.append(f"the connection is lost: {op.label}")
        return found

    def _wanted(self) -> set[str]:
        return {_FAULT[name] for name in self.scene.faults if name in _FAULT}

    def _time_tells(self) -> bool:
        """Whether something changes if all wait: a timer of the platform's, or who lives."""
        known = self.tables.workers
        awake = [p for p in self.processes if p.alive and not p.stopped]
        if any(timer.when() < self.clock.now + LONGEST for p in awake for timer in self._plain(p)):
            return True
        if any(p.fit and (p.stopped or p.cut) for p in self.processes if p.alive):
            return True
        if any(p.leases._owed and p.leases._entered and not p.blocked for p in awake):
            return True
        living = {p.leases.id for p in self.processes if p.alive and not p.stopped and not p.cut}
        looks = any(p.sweeper and not p.cut and not p.blocked for p in awake)
        return looks and any(worker not in living for worker in known)

    def _plain(self, process: Process) -> list[asyncio.TimerHandle]:
        beating = process.loop.beating
        return [timer for timer in process.loop.timers if not timer.cancelled() and timer not in beating]

    # Its happening

    def do(self, label: str, again: bool = False) -> None:
        """Take a step. Raises judge.Violation if something happens that never should; not of a step taken `again`."""
        self.schedule.append(label)
        subject, _, rest = label.partition(" ")
        process = next((p for p in self.processes if p.name == subject), None)
        if subject == "time":
            self.faults += label != "time passes"
            self._pass()
        elif subject == "olga":
            self._person(rest)
        elif subject == "the":
            self.faults += 1
            fault, _, sent = label.partition(": ")
            self._answer(self._op(sent), done="answer" in fault, told=False)
        elif process and rest.startswith("is "):
            self._happen_to(process, rest[3:])
        elif process and rest.startswith("goes on with "):
            run = self.runs[int(rest.split()[-1])]
            process.begin(run, process.app.advance(run))
        else:
            self._answer(self._op(label))
        for process in self.processes:
            if process.alive and process.idle and process.name[0] != "w":
                process.at_once = -1
                process.begin(UUID(int=1), process.leases.close())
                self.leave(process)
        judge.grows(self)
        if not again:
            judge.always(self)

    def _op(self, label: str) -> Op:
        return next(op for op in self.ops if op.label == label)

    def _answer(self, op: Op, done: bool = True, told: bool = True) -> None:
        self.ops.remove(op)
        answer: Any = None
        if done:
            try:
                answer = op.do()
            except psycopg.errors.UniqueViolation as error:
                answer = error
        self._tell(op, answer if told else AWAY)

    def _tell(self, op: Op, answer: Any) -> None:
        process = op.process
        if not process.alive or op.future.done():
            return
        if process.stopped:
            process.answers.append((op, answer))
            return
        process._hear(op.label, answer)
        if isinstance(answer, BaseException):
            op.future.set_exception(answer)
        else:
            op.future.set_result(answer)
        process.loop.run()

    def _happen_to(self, process: Process, what: str) -> None:
        self.faults += what != "continued"
        match what:
            case "killed":
                self.leave(process)
                self.ops = [op for op in self.ops if op.process is not process or op.name != "read"]
            case "stopped":
                process.stopped = True
            case "stopped before it sends":
                process.stopped = True
                for op in self.ops:
                    if op.process is process and op.name == "effect":
                        op.sent = False
            case "cut off":
                process.cut = True
            case "continued":
                process.stopped = False
                for op in self.ops:
                    op.sent |= op.process is process
                heard, process.answers = process.answers, []
                for op, answer in heard:
                    self._tell(op, answer)
                process.loop.ring()

    def _pass(self) -> None:
        """Time passes until something changes: a timer of the platform's rings, or a lease counts no more, or
        somebody is buried. What was on its way to the system outside has come there or is lost by then."""
        limit, before = self.clock.now + LONGEST, self._signs()
        while self._signs() == before:
            awake = [p for p in self.processes if p.alive and not p.stopped]
            rings = {p.name: p.loop.due() for p in awake}
            ends = [p.leases.until for p in self.processes if p.alive and p.fit]
            times = [when for when in rings.values() if when is not None]
            when = min([*times, *(end for end in ends if end > self.clock.now)], default=limit)
            assert when < limit, "time passes, and nothing changes"
            self.clock.now = max(self.clock.now, when)
            plain = any(timer.when() <= when for p in awake for timer in self._plain(p))
            if plain:
                self._lose_what_is_on_its_way()
            for process in awake:
                process.loop.ring()
            if plain:
                break
        for process in self.processes:
            process.cut &= process.fit  # it comes through again, too late

    def _signs(self) -> tuple[Any, ...]:
        fit = [p.fit for p in self.processes if p.alive]
        return (*fit, *self.tables.workers)

    def _lose_what_is_on_its_way(self) -> None:
        for op in [op for op in self.ops if op.name == "effect" and op.sent]:
            if not op.awaited or op.process.stopped:
                self.ops.remove(op)
                self._tell(op, ConnectionError("lost on its way"))

    def _person(self, rest: str) -> None:
        word, number = rest.split()[1], int(rest.split()[-1])
        run = self.runs[number]
        olga = self.command("olga")
        if rest.startswith("cancels"):
            self.cancels += 1
            olga = self.process(f"olga{self.cancels}")
            olga.at_once = 3  # reads, reads again, and appends the end; what else she does takes its time
            olga.begin(run, olga.app.cancel(run, "olga"))
            return
        if "again" in rest:
            self.again += 1
            before = self.tables.text(run)
            olga.begin(run, judge.answers_in_vain(olga.app, run, rest.split()[4]))
            judge.unchanged(before, self.tables.text(run))
        else:
            ask = rest.split()[3]
            olga.begin(run, olga.app.answer(run, word, "olga", "it happened", ask=ask))  # type: ignore[arg-type]
        self.leave(olga)


_FAULT = {"kill": "killed", "stop": "stopped", "late": "stopped before it sends", "cut": "cut off"}
_DONE_TO = tuple(_FAULT.values())


async def _sweep(process: Process) -> None:
    """As `Crew.sweep` does beside the runs: look after the others, whether this one holds anything or not."""
    while True:
        with contextlib.suppress(psycopg.Error):
            await process.leases.look()
        await asyncio.sleep(SWEEP)


async def _be_known(process: Process) -> None:
    async with process.leases.hold(UUID(int=1)):
        pass
