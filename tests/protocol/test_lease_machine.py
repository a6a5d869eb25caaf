"""Several processes' leases on the real database, beaten, looked after, left alone and slept over in any order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from remit.errors import RemitError
from remit.journal import lease
from remit.journal.lease import Leases
from remit.settings import Settings
from remit.store.store import Store, open_store
from tests.conftest import database

PROCESSES, RUNS = st.integers(0, 2), st.integers(1, 2)
SECONDS = st.sampled_from([0.5, 1.9, 2.1, 3.9, 4.1, 6.1])


class Hearts(SimpleNamespace):
    """`asyncio` as `lease` sees it: who sleeps for a time is woken by the rules."""

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        if seconds == 0:
            await asyncio.sleep(0)
            return
        task = asyncio.current_task()
        woken = asyncio.Event()
        self.sleeping[task] = woken
        try:
            await woken.wait()
        finally:
            self.sleeping.pop(task, None)


class Machine(RuleBasedStateMachine):
    """`until` and `held` are the promise: never do two processes hold one run with leases that count."""

    runner: asyncio.Runner
    store: Store

    def __init__(self) -> None:
        super().__init__()
        self.now, self.hearts = 0.0, Hearts(sleeping={})
        self.patched = contextlib.ExitStack()
        for name, what in {
            "steady": lambda: self.now,
            "asyncio": self.hearts,
            "place": lambda: "",  # so that only silence tells who is dead
            "TRIES": 1,
            "PAUSE": 0,
        }.items():
            self.patched.enter_context(patch.object(lease, name, what))
        self.leases = [Leases(self.store, name=f"w{number}") for number in range(3)]
        self.holds: dict[tuple[int, int], Any] = {}

    def go(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @rule(process=PROCESSES, run=RUNS)
    def takes(self, process: int, run: int) -> None:
        if (process, run) in self.holds:
            return
        hold = self.leases[process].hold(UUID(int=run))
        with contextlib.suppress(RemitError):
            self.go(hold.__aenter__())
            self.holds[process, run] = hold

    @rule(process=PROCESSES, run=RUNS)
    def gives_back(self, process: int, run: int) -> None:
        if hold := self.holds.pop((process, run), None):
            self.go(self.ends(hold, process))

    async def ends(self, hold: Any, process: int) -> None:
        await hold.__aexit__(None, None, None)
        await self.quiet(process)

    async def quiet(self, process: int) -> None:
        taker = self.leases[process]._taker
        if taker is not None:
            await asyncio.gather(taker)

    @rule(process=PROCESSES)
    def beats(self, process: int) -> None:
        self.go(self._beats(process))

    async def _beats(self, process: int) -> None:
        heart = self.leases[process]._heart
        await asyncio.sleep(0)
        woken = self.hearts.sleeping.get(heart)
        if heart is None or woken is None:
            return
        woken.set()
        while self.hearts.sleeping.get(heart) in (woken, None) and not heart.done():  # noqa: ASYNC110
            await asyncio.sleep(0)

    @rule(process=PROCESSES)
    def looks(self, process: int) -> None:
        self.go(self.leases[process].look())

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def two_never_hold_one_run(self) -> None:
        for run in (1, 2):
            held = [
                leases.name
                for number, leases in enumerate(self.leases)
                if (number, run) in self.holds and leases.fit() and UUID(int=run) not in leases.lost
            ]
            assert len(held) <= 1, f"run {run} is held by {held}"

    def teardown(self) -> None:
        self.go(self._close())
        self.patched.close()

    async def _close(self) -> None:
        for (process, _), hold in self.holds.items():
            await self.ends(hold, process)
        for leases in self.leases:
            await leases.close()
        async with self.store.pool.connection() as connection:
            await connection.execute("delete from leases")
            await connection.execute("delete from workers")


@contextlib.asynccontextmanager
async def fresh(postgres: str, template: str, folder: Any) -> AsyncIterator[Store]:
    async with (
        database(postgres, template) as url,
        open_store(Settings(database_url=url, data_dir=folder)) as store,
    ):
        yield store


def explore_leases(postgres: str, template: str, folder: Any, examples: int) -> None:
    with asyncio.Runner() as runner:
        held = fresh(postgres, template, folder)

        class Here(Machine):
            pass

        Here.runner, Here.store = runner, runner.run(held.__aenter__())
        try:
            run_state_machine_as_test(  # type: ignore[no-untyped-call]
                Here,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=30,
                    deadline=None,
                    database=None,
                    derandomize=True,
                    print_blob=False,
                    report_multiple_bugs=False,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(held.__aexit__(None, None, None))


def test_two_processes_never_hold_one_run_with_leases_that_count(
    postgres: str, template: str, tmp_path: Any
) -> None:
    explore_leases(postgres, template, tmp_path, 30)


def test_a_ttl_that_is_shorter_for_the_observer_than_for_the_holder_is_found_out(
    postgres: str, template: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "select id, place, pid, ttl / 3, beat from workers where id <> %s"
    monkeypatch.setattr(lease, "OTHERS", query)
    with pytest.raises(AssertionError, match="is held by"):
        explore_leases(postgres, template, tmp_path, 300)
