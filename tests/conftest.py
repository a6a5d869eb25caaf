"""A real PostgreSQL for every test: one embedded server a session, one database a test.

The migrations run once, in a template that is copied for each test: 600 files, so the server lies in memory where there is room
(creating and dropping one took 20 to 40 ms there, and 60 to 110 on a disk).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import hypothesis
import psycopg
import pytest
from psycopg import sql

from remit.errors import WeightsError
from remit.models import weights
from remit.settings import Settings
from remit.store import embedded
from remit.store.store import Store, open_store, prepare
from tests.verdicts import journals, unallowed

# A test asserts what happens, and never how soon: a machine may be busy. The long form draws more examples.
hypothesis.settings.register_profile(
    "remit",
    deadline=None,
    max_examples=500 if os.environ.get("REMIT_CHAOS_LONG") else 50,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("remit")

TEMPLATE = "remit_template"
MEMORY = Path("/dev/shm")
ROOM = 4 * 2**30  # bytes that are free there before a server is put into it
# Files that take a minute or so: begun first, so that no process is left alone with one of them in the end
LONG = (
    "chaos/test_every_boundary.py", "journeys/test_sights.py", "protocols/test_conformance.py",
    "models/local/test_local_model.py", "protocol/test_protocol.py", "chaos/test_database.py",
    "chaos/test_random_kills.py",
)  # fmt: skip
# Losing a test's data in a power cut is fine
CARELESS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "autovacuum": "off",
    "shared_buffers": "128MB",
    "max_wal_size": "256MB",
    "authentication_timeout": "5s",  # a login that a test cut short holds up dropping its database that long
}


# Seconds; who waits for what never comes fails here, with the line that waits. `faulthandler_timeout` ends what this cannot
HANGS = 240


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = Path(__file__).parent
    items.sort(key=lambda item: not any(item.path == folder / name for name in LONG))
    for item in items:
        if (
            isinstance(item, pytest.Function)
            and inspect.iscoroutinefunction(item.obj)
            and not hasattr(item.obj, "hypothesis")
        ):
            item.obj = ends(item.obj)


def ends(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """The same test, which fails when it takes longer than `HANGS`."""

    @functools.wraps(test)
    async def ended(*args: Any, **others: Any) -> None:
        async with asyncio.timeout(HANGS):
            await test(*args, **others)

    return ended


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(AtOnce(reporter), "at_once")


class AtOnce:
    """Tells of a failure when it happens: who stops the run, or CI's limit, sees what had failed by then."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self.reporter = reporter

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.reporter.ensure_newline()
            said = report.longreprtext.strip().splitlines() or [""]
            self.reporter.write_line(f"{report.nodeid} ({report.when}): {said[-1]}")


def at(url: str, database: str) -> str:
    """The same server, another database."""
    return urlsplit(url)._replace(path=f"/{database}").geturl()


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in memory for the session, where there is room; what a killed session left there is removed."""
    if not os.access(MEMORY, os.W_OK) or shutil.disk_usage(MEMORY).free < ROOM:
        yield tmp_path_factory.mktemp("embedded")
        return
    for left in MEMORY.glob("remit-tests-*"):
        if not Path(f"/proc/{left.name.rpartition('-')[2]}").exists():
            shutil.rmtree(left, ignore_errors=True)
    made = MEMORY / f"remit-tests-{os.getpid()}"
    made.mkdir()
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(memory: Path) -> Iterator[str]:
    """URL of the session's server (its maintenance database)."""
    settings = Settings(database_url=None, data_dir=memory)
    with asyncio.Runner() as runner:
        held = contextlib.AsyncExitStack()
        url = runner.run(held.enter_async_context(embedded.server(settings, CARELESS)))
        try:
            yield at(url, "postgres")
        finally:
            runner.run(held.aclose())


@pytest.fixture(scope="session")
def template(postgres: str) -> str:
    """The name of a database with all migrations applied and nobody in it."""
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {TEMPLATE}")
    asyncio.run(prepare(at(postgres, TEMPLATE)))
    return TEMPLATE


@contextlib.asynccontextmanager
async def database(postgres: str, template: str, forged: bool = False) -> AsyncIterator[str]:
    """The URL of a fresh copy of `template`, dropped afterwards; no effect in its journals is without a verdict that allows
    it, unless they are `forged`."""
    name = f"test_{uuid4().hex}"
    this, source = sql.Identifier(name), sql.Identifier(template)
    async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as admin:
        await admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(this, source))
        try:
            yield at(postgres, name)
            if template == TEMPLATE and not forged:
                assert list(unallowed(await journals(at(postgres, name)))) == []
        finally:
            await left_alone(admin, name)
            await admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(this))


async def left_alone(admin: psycopg.AsyncConnection, name: str) -> None:
    """Give connections that have just been closed the time to end: who drops a database under them waits for 100 ms."""
    for _ in range(40):
        query = "select true from pg_stat_activity where datname = %s limit 1"
        if await (await admin.execute(query, (name,))).fetchone() is None:
            return
        await asyncio.sleep(0.002)


@pytest.fixture(autouse=True)
def no_downloads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gigabyte of weights is not for tests to fetch: who needs a model scripts one, or skips where none is in the cache."""

    async def refused(wanted: weights.Weights, *_: object) -> None:
        raise WeightsError(f"a test would fetch {wanted.name}: script its model")

    if request.path.name != "test_local_weights.py":
        monkeypatch.setattr(weights, "_fetch", refused)


@pytest.fixture
async def database_url(postgres: str, template: str, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """A migrated database of the test's own."""
    forged = request.node.get_closest_marker("forged_journal") is not None
    async with database(postgres, template, forged) as url:
        yield url


@pytest.fixture
async def empty_database_url(postgres: str) -> AsyncIterator[str]:
    """A database of the test's own with nothing in it."""
    async with database(postgres, "template0") as url:
        yield url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=database_url, data_dir=tmp_path / "data", pool_size=8)


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    async with open_store(settings) as opened:
        yield opened
