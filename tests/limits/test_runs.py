"""Limits of agents: how many of their runs go on at once, how many begin in a time, how many may be open."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner

from remit import settings as settings_module
from remit.agents.load import parse_agent
from remit.app import App, open_app
from remit.cli.common import perform
from remit.cli.main import command
from remit.errors import Busy, SpecError, UnknownName, UserError
from remit.journal.index import orphans
from remit.journal.limits import called, in_line
from remit.outfit import outfit
from remit.rate import Limit, Rate, parse_rate
from remit.settings import Settings
from tests.limits import world
from tests.limits.test_order import enter
from tests.limits.world import ANN, agent, ended, script, worker

UNLIMITED = [{"tool": "hold", "allow": "true"}]


async def begin(app: App, *tools: str, **spec: Any) -> UUID:
    return await app.start(agent(**spec), "go", person=ANN, model=script(*tools))


async def line(app: App, runs: Sequence[UUID]) -> list[UUID]:
    async with app.store.pool.connection() as connection:
        found = await connection.execute(
            "select run from slots where worker is null and call = '' order by ticket"
        )
        return [run for (run,) in await found.fetchall() if run in runs]


async def test_of_an_agents_runs_no_more_than_its_limit_go_on_at_once_over_two_workers(
    settings: Settings,
) -> None:
    model = script("free", "free")
    async with worker(settings, model) as (app, dispatch), worker(settings, model):
        runs = [await begin(app, "free", "free", limits={"runs": 2}) for _ in range(12)]
        await asyncio.gather(*(dispatch.enqueue(run) for run in runs))
        await ended(app, runs)
        assert world.most <= 2
        assert sorted(run for run, _ in world.done) == sorted(runs * 2)
        assert await line(app, runs) == []


async def test_a_run_over_its_agents_limit_is_not_begun_and_says_so(
    app: App, other: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"runs": 1}
    first, second = [await begin(app, "hold", limits=limits) for _ in range(2)]
    task = asyncio.create_task(app.advance(first))
    await world.begun.get()
    other.models |= app.models
    state = await other.advance(second)
    assert (state.seq, state.status) == (1, "running")
    words = "queued: 1 of 1 runs of limited are running"
    assert await in_line(app.store, [first, second]) == {second: words}
    assert await orphans(app.store, 0.0, 10) == []  # whoever looks for idle runs passes it by
    for name in ("runs", "show"):
        out = await asyncio.to_thread(said, monkeypatch, app.settings, name)
        assert words in out
        assert "queued" in out
    world.go_on.set()
    await task
    assert (await other.advance(second)).finished


def said(monkeypatch: pytest.MonkeyPatch, settings: Settings, name: str) -> str:
    """What a command prints."""
    monkeypatch.setenv("REMIT_DATABASE_URL", str(settings.database_url))
    monkeypatch.setenv("REMIT_DATA_DIR", str(settings.data_dir))
    settings_module.load.cache_clear()
    try:
        return (
            CliRunner()
            .invoke(command(name), ["last"] if name == "show" else [], env={"COLUMNS": "200"})
            .output
        )
    finally:
        settings_module.load.cache_clear()


async def test_whoever_leaves_calls_the_next_in_line_and_newcomers_come_after(app: App, other: App) -> None:
    limits, order = {"runs": 1}, list[UUID]()
    runs = [await begin(app, "hold", limits=limits) for _ in range(4)]
    task = asyncio.create_task(app.advance(runs[0]))
    await world.begun.get()
    for run in runs[1:3]:
        await app.advance(run)
    app.turns.call_next = order.append
    world.go_on.set()
    await task
    assert order == [runs[1]]
    other.models |= app.models
    assert (await other.advance(runs[3])).seq == 1  # a slot is free, but two were before it
    assert await line(app, runs) == [runs[1], runs[2], runs[3]]
    assert (await other.advance(runs[1])).finished


async def test_who_was_to_be_called_by_a_dead_worker_is_found(app: App) -> None:
    runs = [await begin(app, "free", limits={"runs": 1}) for _ in range(3)]
    async with app.leases.hold(busy := uuid4()):
        assert await app.turns.slot(("agent:default/limited", busy, ""), 1) == 0
        for run in runs:
            await app.advance(run)
        assert await called(app.store, (), 10) == [runs[0]]
        assert await called(app.store, ("another",), 10) == []


async def test_a_run_that_somebody_watches_is_begun_beyond_the_limit_and_counts(app: App, other: App) -> None:
    first, watched, third = [await begin(app, "hold", limits={"runs": 1}, rules=UNLIMITED) for _ in range(3)]
    task = asyncio.create_task(app.advance(first))
    await world.begun.get()
    other.models |= app.models
    world.go_on.set()
    assert (await other.advance(watched, urgent=True)).finished
    await task
    assert (await other.advance(third)).finished


async def test_a_run_that_is_cancelled_or_paused_in_line_keeps_nobody_waiting(app: App, other: App) -> None:
    first, cancelled, paused, last = [await begin(app, "hold", limits={"runs": 1}) for _ in range(4)]
    task = asyncio.create_task(app.advance(first))
    await world.begun.get()
    other.models |= app.models
    for run in (cancelled, paused, last):
        await other.advance(run)
    await other.cancel(cancelled, "olga")
    await other.pause(paused, "olga")
    world.go_on.set()
    await task
    for run in (cancelled, paused):  # as whoever is called does
        await other.advance(run)
    assert (await other.advance(last)).finished


async def test_no_more_runs_begin_than_the_rate_says_and_those_begun_go_on(settings: Settings) -> None:
    model = script("free", "free")
    async with worker(settings, model) as (app, dispatch):
        runs = [await begin(app, "free", "free", limits={"starts": "2/2s"}) for _ in range(3)]
        start = time.monotonic()
        await asyncio.gather(*(dispatch.enqueue(run) for run in runs))
        async with asyncio.timeout(20):
            while len(words := await in_line(app.store, runs)) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert all("its turn is at" in text for text in words.values())
        await ended(app, runs)
    times = sorted(dict(reversed(world.done)).values())  # when each was first at it
    assert all(at - start >= 1.0 * n - 0.05 for n, at in enumerate(times))


async def test_a_worker_of_one_agent_leaves_the_others_alone(settings: Settings) -> None:
    model = script("free")
    async with worker(settings, model, agents=["mine"]) as (app, dispatch):
        theirs, mine = await begin(app, "free", name="theirs"), await begin(app, "free", name="mine")
        idle = await begin(app, "free", name="mine")  # never queued: found by looking
        for run in (theirs, mine):
            await dispatch.enqueue(run)
        await ended(app, [mine, idle])
        assert (await app.state(theirs)).seq == 1
    async with worker(settings, model) as (app, _):
        await ended(app, [theirs])


async def test_idle_runs_are_taken_agent_by_agent(app: App) -> None:
    many = [await enter(app.store, "greedy") for _ in range(30)]
    few = [await enter(app.store, "modest") for _ in range(3)]
    elsewhere = [await enter(app.store, "greedy", "other") for _ in range(2)]
    found = await orphans(app.store, -1.0, 8)
    assert set(found) == {*many[:3], *few, *elsewhere}
    assert set(await orphans(app.store, -1.0, 100, ["modest"])) == set(few)
    assert len(await orphans(app.store, -1.0, 100)) == 35


async def test_beyond_the_open_runs_of_the_platform_a_start_is_refused_and_says_what_to_do(
    settings: Settings,
) -> None:
    async with open_app(settings.model_copy(update={"max_open_runs": 2})) as app:
        first = await begin(app, "free")
        await begin(app, "free")
        with pytest.raises(Busy, match="REMIT_MAX_OPEN_RUNS") as caught:
            await begin(app, "free")
        assert caught.value.retry_after > 0
        assert f"Try again in {caught.value.retry_after:.0f} s" in str(caught.value)
        await app.cancel(first, "olga")
        await begin(app, "free")


async def test_beyond_its_own_queue_an_agent_is_refused_and_others_are_not(app: App) -> None:
    await begin(app, "free", limits={"queue": 1})
    with pytest.raises(Busy, match=r"1 runs of limited are open, and its limits\.queue is 1"):
        await begin(app, "free", limits={"queue": 1})
    await begin(app, "free", name="another", limits={"queue": 1})


async def test_open_runs_are_counted_now_and_then_and_not_at_each_start(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []

    async def count(store: Any, most: int, agent: str, workspace: str) -> int:
        counted.append(most)
        return 0

    monkeypatch.setattr("remit.journal.limits.open_runs", count)
    for _ in range(20):
        await begin(app, "free")
    assert counted == [100_000]


def test_busy_ends_a_command_with_its_own_code() -> None:
    import typer

    async def refused() -> None:
        raise Busy("too much.")

    with pytest.raises(typer.Exit) as caught:
        perform(refused())
    assert caught.value.exit_code == 7


SPEC = "name: one\ntools: [files.*]\nlimits:\n  runs: 20\n  starts: 100/h\n  tools:\n    files_read: {%s}\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (SPEC % "concurent: 2", 7, "did you mean 'concurrent'"),
        (SPEC % "rate: often", 7, "'often' is no rate"),
        (SPEC.replace("runs: 20", "run: 20") % "concurrent: 2", 4, "did you mean 'runs'"),
        (SPEC.replace("runs: 20", "runs: 0") % "concurrent: 2", 4, "greater than or equal to 1"),
        (SPEC.replace("100/h", "100") % "concurrent: 2", 5, "'100' is no rate"),
    ],
)
def test_a_wrong_limit_is_said_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        parse_agent(text, "one.yaml")
    assert caught.value.line == line


def test_a_limit_of_a_tool_that_the_agent_does_not_have_is_refused() -> None:
    spec = parse_agent((SPEC % "rate: 60/m").replace("files_read", "files_red"))
    with pytest.raises(UnknownName, match="Did you mean 'files_read'"):
        outfit(spec)


def test_rates_are_read_as_people_write_them() -> None:
    assert parse_rate("60/m") == Rate(60, 60)
    assert parse_rate(" 10 / 5m ") == Rate(10, 300)
    assert (parse_rate("60/m").every, parse_rate("60/m").burst, parse_rate("1/d").burst) == (1, 6, 1)
    for wrong in ("", "0/m", "5/0s", "5", "5/w", "-1/s"):
        with pytest.raises(UserError, match="is no rate"):
            parse_rate(wrong)
    with pytest.raises(UserError, match="1 or more"):
        Limit(concurrent=0)


def test_limits_of_tools_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMIT_TOOL_LIMITS", '{"http_get": {"rate": "60/m", "concurrent": 4}}')
    assert Settings().tool_limits == {"http_get": Limit(4, "60/m")}
    monkeypatch.setenv("REMIT_TOOL_LIMITS", '{"http_get": {"rate": "often"}}')
    with pytest.raises(UserError, match="is no rate"):
        settings_module.load.__wrapped__()


def test_the_agent_and_the_settings_that_the_document_shows_can_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = (Path(__file__).parents[2] / "docs/limits.md").read_text()
    shown = re.search(r"```yaml\n(.*?)```", text, flags=re.DOTALL)
    tools = re.search(r"REMIT_TOOL_LIMITS='(.*?)'", text)
    assert shown
    assert tools
    limits = parse_agent(shown[1]).limits
    assert (limits.runs, limits.starts, limits.queue, limits.tools["mail_send"].rate) == (
        20,
        "100/h",
        5000,
        "60/m",
    )
    monkeypatch.setenv("REMIT_TOOL_LIMITS", tools[1])
    assert Settings().tool_limits["mail_send"] == Limit(2)
