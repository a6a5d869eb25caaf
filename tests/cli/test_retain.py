"""Retention from the command line, and every other command on what it has archived."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from typer.testing import CliRunner, Result

from remit import settings as settings_module
from remit.app import open_app
from remit.cli.main import command
from remit.errors import NotWaiting
from remit.journal.events import Acted, Answered, Call, Finished, Judged, Started
from remit.journal.journal import Journal
from remit.settings import Settings
from remit.store.store import open_store


@pytest.fixture
def here(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The commands work on the test's own database."""
    monkeypatch.setattr(settings_module, "load", lambda: settings)
    return settings


def remit(name: str, *args: str) -> Result:
    return CliRunner().invoke(command(name), list(args))


def ended(settings: Settings, count: int = 1, days: int = 100, agent: str = "clerk") -> list[str]:
    """Runs that looked one order up, and ended `days` ago."""
    bodies = [
        Started(goal="Look up W1", agent=agent, spec={"name": agent}),
        Answered(model="m", calls=[Call(id="1.1", tool="look_up", args={"order": "W1"})]),
        Judged(call_id="1.1", tool="look_up", effect="read", decision="allow", rule="reads are fine"),
        Acted(call_id="1.1", tool="look_up", result={"order": "W1", "note": ["long"] * 3000}),
        Finished(status="met", report="W1 is there"),
    ]

    async def work() -> list[str]:
        async with open_store(settings) as store:
            journal, runs = Journal(store), [uuid4() for _ in range(count)]
            await asyncio.gather(*(journal.append(run, 0, bodies) for run in runs))
            await journal.close()
            async with store.pool.connection() as connection:
                await connection.execute(
                    "update runs set updated_at = updated_at - make_interval(days => %s) where id = any(%s)",
                    (days, runs),
                )
                await connection.execute(
                    "update events set at = at - make_interval(days => %s) where run = any(%s)", (days, runs)
                )
            return [str(run) for run in runs]

    return asyncio.run(work())


def one(settings: Settings, query: str) -> Any:
    with psycopg.connect(settings.database_url or "") as connection:
        row = connection.execute(query).fetchone()  # type: ignore[arg-type]
    return row and row[0]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(here: Settings) -> None:
    ended(here, 3)
    ended(here, 1, days=5)
    said = json.loads(remit("retain", "--older-than", "90d", "--dry-run", "--json").stdout)
    assert (said["archive"], said["delete"], said["policy"]) == (3, 0, "archive after 90d")
    assert one(here, "select count(*) from archives") == 0
    assert "would archive 3 runs" in remit("retain", "--older-than", "90d", "--dry-run").stdout


def test_every_command_that_reads_a_run_reads_an_archived_one_alike(here: Settings) -> None:
    (run,) = ended(here)
    reading = [("runs", "--json"), ("show", run), ("show", run, "--json"), ("why", run, "1.1", "--json")]
    before = [remit(*words).stdout for words in reading]
    done = remit("retain", "--older-than", "90d", "--sweep-blobs", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["archived"] == 1
    assert json.loads(done.stdout)["swept"]["blobs"] == 2
    assert [remit(*words).stdout for words in reading] == before
    assert "W1 is there" in before[1]


def test_an_archived_run_can_be_forked_and_takes_no_answer(here: Settings) -> None:
    (run,) = ended(here)
    assert remit("retain", "--older-than", "90d").exit_code == 0

    async def work() -> list[str]:
        async with open_app(here) as app:
            new = await app.fork(UUID(run), 4)
            with pytest.raises(NotWaiting):
                await app.answer(UUID(run), "approve", "ann")
            with pytest.raises(NotWaiting):
                await app.cancel(UUID(run), "ann")
            return [event.body.type for event in await app.journal.read(new)]

    assert asyncio.run(work()) == ["started", "answered", "judged", "acted"]


def test_a_deleted_run_is_said_to_have_been_deleted_by_which_policy(here: Settings, tmp_path: Path) -> None:
    (run,) = ended(here, days=8 * 366)
    (young,) = ended(here)
    words = ("--older-than", "90d", "--delete-after", "7y", "--to", str(tmp_path / "archives"))
    assert json.loads(remit("retain", *words, "--dry-run", "--json").stdout)["delete"] == 1
    done = json.loads(remit("retain", *words, "--json").stdout)
    assert (done["archived"], done["deleted"]) == (2, 1)
    shown = remit("show", run)
    assert shown.exit_code == 2
    assert "by the policy 'archive after 90d, delete after 7y'" in " ".join(shown.output.split())
    assert [path.name for path in tmp_path.rglob("*.gz")] == [f"{young}.jsonl.gz"]


def test_what_cannot_be_archived_is_named_and_the_exit_code_is_one(here: Settings) -> None:
    good, bad = ended(here, 2)
    with psycopg.connect(here.database_url or "") as connection:
        connection.execute("update events set type = 'teleported' where run = %s and seq = 2", (bad,))
    done = remit("retain", "--older-than", "90d")
    assert done.exit_code == 1
    assert bad in done.output
    assert good not in done.output
    assert one(here, "select run from archives") == UUID(good)


def test_a_run_is_restored_by_its_id(here: Settings) -> None:
    (run,) = ended(here)
    remit("retain", "--older-than", "90d")
    assert json.loads(remit("retain", "--restore", run[:8], "--json").stdout) == {
        "run": run,
        "restored": True,
    }
    assert one(here, "select count(*) from events") == 5
    assert "nothing to do" in remit("retain", "--restore", run[:8]).stdout


def test_verifying_names_the_archive_that_somebody_changed(here: Settings) -> None:
    good, bad = ended(here, 2)
    remit("retain", "--older-than", "90d")
    assert remit("retain", "--verify").exit_code == 0
    with psycopg.connect(here.database_url or "") as connection:
        connection.execute("update archives set body = body || 'x' where run = %s", (bad,))
    done = remit("retain", "--verify")
    assert done.exit_code == 1
    assert bad in done.output
    assert good not in done.output
    assert list(json.loads(remit("retain", "--verify", "--json").stdout)["broken"]) == [bad]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "--older-than 90d"),
        (("--older-than", "soon"), "is no age"),
        (("--older-than", "90d", "--delete-after", "30d"), "must be older"),
        (("--older-than", "90d", "--status", "waiting"), "not ended"),
    ],
)
def test_wrong_input_says_what_to_write(here: Settings, words: tuple[str, ...], says: str) -> None:
    done = remit("retain", *words)
    assert done.exit_code == 2
    assert says in " ".join(done.output.split())


def test_ctrl_c_stops_between_two_archives_and_the_next_call_goes_on(here: Settings) -> None:
    runs = ended(here, 300)
    words = ["remit", "retain", "--older-than", "90d", "--batch", "1"]
    environment = {**os.environ, "REMIT_DATABASE_URL": here.database_url or ""}
    code = f"import sys; sys.argv = {words!r}; from remit.cli.main import main; main()"
    with subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.PIPE) as process:
        while not one(here, "select count(*) from archives"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Call it again" in said
    archived = one(here, "select count(*) from archives")
    assert 0 < archived < 300
    assert one(here, "select count(*) from events where type <> 'archived'") == 5 * (300 - archived)
    assert remit("retain", "--older-than", "90d").exit_code == 0
    assert one(here, "select count(*) from archives") == len(runs)
