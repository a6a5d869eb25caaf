"""Try every schedule of a scene: depth first, from the start again for each, and no state twice.

A state is known by a hash of 64 bits of the tables, of what happened outside, and of all that each process has been told since
it last forgot it (`World.key`): processes are deterministic, so two states with the same key go on alike. That two
of some 100,000 states share a hash by chance, and one is passed over, has a probability below 1 in 10^9.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from remit.agents.workspace import Workspace
from remit.steering import People
from tests.protocol.judge import Violation, ends
from tests.protocol.world import Scene, World

DEEPEST = 120  # steps


@dataclass
class Report:
    """What was found in a scene."""

    schedules: int = 0
    steps: int = 0
    states: int = 0
    endings: int = 0
    deepest: int = 0
    repeats: int = (
        0  # schedules with a repeat by a process that was stopped before the first byte of its effect
    )
    violations: dict[str, list[str]] = field(default_factory=dict)  # what -> a schedule that leads to it
    seconds: float = 0.0  # of CPU
    full: bool = True  # everything was tried

    def line(self) -> str:
        return (
            f"{self.schedules} schedules, {self.steps} steps, {self.states} states, {self.endings} endings, "
            f"{self.repeats} repeats, {len(self.violations)} violations, {self.seconds:.1f} s CPU"
            f"{'' if self.full else ', cut short'}"
        )


class Noon(datetime):
    """The wall clock, on which nothing here depends."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Noon:
        return cls(2026, 1, 1, 12, tzinfo=UTC)


async def _noon(app: Any) -> datetime:
    return Noon.now()


async def _no_rules(app: object, workspace: str = "") -> Workspace:
    """No rules for every agent: nor is their table a part of it."""
    return Workspace()


async def _nobody_away(steering: object) -> People:
    """Nobody speaks for anybody: the tables of that are no part of the protocol."""
    return People()


async def _no_budget(purse: object, workspace: str) -> bool:
    """Nor does anybody limit what is spent."""
    return False


async def _no_keys(keys: object, workspace: str) -> dict[str, str]:
    return {}


def _owner() -> Any:
    loop: Any = asyncio.get_running_loop()
    return loop.owner


def _now() -> float:
    return asyncio.get_running_loop().time()


def _gone(pid: int) -> bool:
    return not any(p.alive and p.number == pid for p in _owner().world.processes)


@contextlib.contextmanager
def simulated(broken: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Clocks, names and processes are those of the simulated world."""
    clock = SimpleNamespace(monotonic=_now)
    with contextlib.ExitStack() as held:
        for where, what in {
            "remit.journal.lease.steady": _now,
            "remit.journal.lease.uuid4": lambda: _owner().next_id(),
            "remit.journal.lease.place": lambda: "here",
            "remit.journal.lease.identity": lambda: _owner().number,
            "remit.journal.lease.gone": _gone,
            "remit.journal.lease.seems_dead": lambda connection: False,
            "remit.journal.lease.TRIES": 1,
            "remit.journal.lease.PAUSE": 0.0,
            "remit.agents.settle.time": clock,
            "remit.agents.act.time": clock,
            "remit.agents.think.time": clock,
            "remit.tools.call.time": clock,
            "remit.journal.lease.Leases.now": lambda leases: Noon.now(),
            "remit.steering.Steering.now": _noon,
            "remit.steering.Steering.people": _nobody_away,
            "remit.app.App.rules": _no_rules,
            "remit.journal.purse.Purse.counts": _no_budget,
            "remit.models.keys.Keys.of": _no_keys,
            "remit.journal.journal.datetime": Noon,
            "remit.app.datetime": Noon,
            **(broken or {}),
        }.items():
            held.enter_context(patch(where, what))
        gc.collect()
        gc.freeze()  # what was imported need not be looked through again and again
        held.callback(gc.unfreeze)
        logging.disable(logging.WARNING)
        held.callback(logging.disable, logging.NOTSET)
        yield


@dataclass
class Node:
    """A state on the way, and what was not tried there yet."""

    left: list[str]


def explore(
    scene: Scene, most: int = 10**9, until: str | None = None, broken: Mapping[str, Any] | None = None
) -> Report:
    """Every schedule, or the first `most`, or `until` a violation says that; with `broken` parts in place of Remit's own, by dotted name."""
    report, seen, began = Report(), set[int](), time.process_time()
    steps: dict[int, list[int]] = {}  # state -> states that it must come to, one or the other
    over: set[int] = set()
    path: list[str] = []
    nodes: list[Node] = []
    with simulated(broken or {}):
        world: World | None = World(scene)
        before = 0
        while True:
            if world is not None:
                key = world.key()
                if before:
                    steps.setdefault(before, []).append(key)
                if key not in seen:
                    seen.add(key)
                    nodes.append(Node(_choices(world, report, over, key)))
                    report.deepest = max(report.deepest, len(path))
                else:
                    path.pop() if path else None
                    world.close()
                    world = None
            while nodes and not nodes[-1].left:
                nodes.pop()
                path.pop() if path else None
                if world is not None:
                    world.close()
                    world = None
            if not nodes:
                break
            if report.schedules >= most or _found(report, until):
                report.full = False
                break
            if world is None:
                world = World(scene)
                report.schedules += 1
                for label in path:
                    world.do(label, again=True)
            label = nodes[-1].left.pop()
            before = world.key() if label in world.must() else 0
            path.append(label)
            world = _do(world, label, report)
            if world is not None and len(path) > DEEPEST:
                report.violations.setdefault("a schedule does not come to its end", path[:])
                world.close()
                world = None
            if world is None:
                path.pop()
        if world is not None:
            world.close()
    report.states, report.seconds = len(seen), time.process_time() - began
    if report.full and not report.violations and not _comes_to_an_end(steps, over, seen):
        report.violations["some state never comes to an end"] = []
    return report


def _found(report: Report, what: str | None) -> bool:
    return what is not None and any(what in found for found in report.violations)


def _choices(world: World, report: Report, over: set[int], key: int) -> list[str]:
    must = world.must()
    if not must:
        report.endings += 1
        report.repeats += world.repeats > 0
        over.add(key)
        try:
            ends(world)
        except Violation as error:
            report.violations.setdefault(str(error), list(world.schedule))
    return [*world.may(), *reversed(must)]


def _do(world: World, label: str, report: Report) -> World | None:
    report.steps += 1
    try:
        world.do(label)
    except Violation as error:
        report.violations.setdefault(str(error), list(world.schedule))
        world.close()
        return None
    return world


def _comes_to_an_end(steps: dict[int, list[int]], over: set[int], seen: set[int]) -> bool:
    """From every state there is a way to an ending by steps that must be taken."""
    back: dict[int, list[int]] = {}
    for state, nexts in steps.items():
        for after in nexts:
            back.setdefault(after, []).append(state)
    found, edge = set(over), list(over)
    while edge:
        for state in back.get(edge.pop(), ()):
            if state not in found:
                found.add(state)
                edge.append(state)
    return found >= seen


def goes_wrong(scene: Scene, schedule: list[str]) -> str:
    """What goes wrong in a schedule, where steps that cannot be taken are left out and what must be is done after."""
    world = World(scene)
    try:
        for label in schedule:
            if label in world.must() or label in world.may():
                world.do(label)
        while must := world.must():
            world.do(must[0])
        ends(world)
    except Violation as error:
        return str(error)
    finally:
        world.close()
    return ""


def shortest(scene: Scene, schedule: list[str], what: str) -> list[str]:
    """The schedule without the steps that do not matter."""
    with simulated():
        at = 0
        while at < len(schedule):
            without = schedule[:at] + schedule[at + 1 :]
            if goes_wrong(scene, without) == what:
                schedule = without
            else:
                at += 1
    return schedule


def told(scene: Scene, report: Report) -> str:
    """The violations with a short schedule each."""
    lines = []
    for what, schedule in report.violations.items():
        lines.append(what + ":")
        lines += [f"    {label}" for label in shortest(scene, schedule, what)]
    return "\n".join(lines)
