"""Every schedule of the small cases keeps what is promised, and a broken protocol does not."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from remit.agents.live import Live
from remit.agents.settle import acted, perform, run
from remit.journal.events import Acted, Intended, Judged
from remit.journal.state import CallState, State
from remit.tools.tool import Tool
from tests.protocol.explore import Report, explore, told
from tests.protocol.scenes import CUT, KNOWN, SCENES, deeper
from tests.protocol.tables import Tables
from tests.protocol.world import Scene

Explored = dict[str, "Future[Report]"]


@pytest.fixture(scope="module")
def explored() -> Iterator[Explored]:
    """All scenes, on two processors."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        yield {
            name: pool.submit(explore, deeper(scene), CUT.get(name, 10**9)) for name, scene in SCENES.items()
        }


@pytest.mark.parametrize("name", SCENES)
def test_every_schedule_keeps_what_is_promised(
    name: str, explored: Explored, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    report = explored[name].result()
    record_property("explored", report.line())
    with capsys.disabled():
        print(f"\n{name}: {report.line()}", end="")
    assert report.full or name in CUT
    assert set(report.violations) == KNOWN.get(name, set()), told(deeper(SCENES[name]), report)


@pytest.mark.parametrize(("tool", "repeats"), [("by_key", False), ("by_lookup", True), ("by_ask", False)])
def test_only_who_is_stopped_before_the_first_byte_repeats_and_only_without_a_key(
    tool: str, repeats: bool, explored: Explored
) -> None:
    for name, scene in SCENES.items():
        if scene.tool == tool and not scene.late:
            assert explored[name].result().repeats == 0
    late = explored[f"{tool}: stopped before the first byte"].result()
    assert bool(late.repeats) == repeats


# A protocol broken at one place each


async def hasty(live: Live, call: CallState, *verdicts: Judged, valid: Any = None) -> None:
    """Does not wait until the intent is durable."""
    attempt = call.intended.attempt + 1 if call.intended else 1
    key = call.intended.key if call.intended else f"{live.run}:{call.call.id}"
    live.write(*verdicts, Intended(call_id=call.call.id, key=key, attempt=attempt, lease=live.leases.id.hex))
    async with live.leases.effect(live.run):
        done = await run(live, call, key, valid=valid)
    live.write(done)
    await live.settled()


async def blindly(live: Live, call: CallState) -> None:
    """Tries again, whatever the tool says of itself."""
    await perform(live, call)


async def at_a_glance(live: Live, call: CallState, tool: Tool) -> Acted | None:
    """Believes the first look that finds nothing."""
    assert call.intended is not None
    assert tool.settle.find is not None
    found = await tool.settle.find(live.context(call.call.id, call.intended.key), call.call.args)
    return acted(call, tool, "ok", found) if found is not None else None


def not_used_up(state: State, body: Intended, at: datetime) -> None:
    """A yes holds for ever."""
    if call := state.calls.get(body.call_id):
        call.intended = body


async def regardless(live: Live) -> bool:
    """Goes on after the end."""
    before = live.state.seq
    for call in list(live.state.open.values()):
        if call.doubtful:
            await perform(live, call)
    return live.state.seq > before


def overwritten(tables: Tables, batch: Any) -> None:
    """(run, seq) is not unique: the last one wins."""
    for append in batch:
        for event in append.events:
            tables.events.get(event.run, {}).pop(event.seq, None)
    durable(tables, batch)


def from_the_living(tables: Tables, given: Any, me: UUID, _me: UUID, wanted: list[UUID]) -> Any:
    """Whoever asks for a lease has it."""
    tables.leases |= dict.fromkeys(wanted, (me, 0))
    return [(run, 0) for run in wanted]


durable = Tables.append
LEASES = "remit.journal.lease.Leases"
BROKEN: dict[str, tuple[dict[str, Any], Scene, str]] = {
    "the intent is not awaited": (
        {"remit.agents.settle.perform": hasty, "remit.agents.act.perform": hasty},
        Scene(faults=()),
        "whose intent is not durable",
    ),
    "a doubt is settled by trying again": (
        {"remit.agents.settle.settle": blindly, "remit.agents.act.settle": blindly},
        Scene("by_ask", faults=("kill",)),
        "nobody allowed",
    ),
    "a lookup is tried again without looking": (
        {"remit.agents.settle.settle": blindly, "remit.agents.act.settle": blindly},
        Scene("by_lookup", faults=("kill",)),
        "happened 2 times",
    ),
    "the first look is believed": (
        {"remit.agents.settle.look": at_a_glance},
        Scene("by_lookup", faults=("kill",)),
        "happened 2 times",
    ),
    "an approval is not used up": (
        {"remit.journal.state._intended": not_used_up},
        Scene("by_ask", faults=("kill",), approval=True),
        "a yes was used twice",
    ),
    "the lease is not looked at": (
        {f"{LEASES}.fit": lambda self: True, f"{LEASES}.check": lambda self, run: None},
        Scene(faults=("stop",)),
        "under a lease that does not count",
    ),
    "a lease is taken from the living": (
        {"tests.protocol.tables.Tables._take": from_the_living},
        Scene(faults=()),
        "the leases of both count",
    ),
    "two may write one seq": (
        {"tests.protocol.tables.Tables.append": overwritten},
        Scene(faults=(), approval=True, cancels=1),
        "was written over",
    ),
    "a run goes on after its end": (
        {"remit.agents.loop.wind_up": regardless},
        Scene(faults=("kill",), cancels=1),
        "after the run had ended",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_protocol_is_found_out(name: str) -> None:
    wrong, scene, says = BROKEN[name]
    report = explore(scene, 5000, until=says, broken=wrong)
    assert any(says in found for found in report.violations), report


def test_the_explorer_finds_nothing_where_nothing_can_go_wrong() -> None:
    report = explore(replace(Scene(), faults=(), at_most=0))
    assert not report.violations
    assert report.full
    assert report.endings > 1
