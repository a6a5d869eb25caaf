"""`remit run` and `remit resume`: how they end, what they print, and with which exit code."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from remit import settings
from remit.order import priority_of
from remit.settings import Settings
from remit.store.store import open_store
from tests.agents import world
from tests.cli.typed import CANNOT, DONE, SENDING, data, remit, script, spec, work

pytestmark = pytest.mark.usefixtures("here")
KEYS = {
    "run", "status", "report", "output", "why", "effects", "waits", "checks", "steps", "tokens", "seconds", "cost"
}  # fmt: skip


def test_a_run_shows_each_event_and_then_how_it_ended(tmp_path: Path) -> None:
    model = script(tmp_path, {"tool": "charge", "args": {"amount": 5}}, DONE)
    result = remit("run", "charge five", "--agent", spec(tmp_path), "--model", model)
    assert result.exit_code == 0
    assert "thought charge" in result.stdout
    assert "did charge ok" in result.stdout
    assert "report  It is done." in result.stdout
    assert "next: remit show" in result.stdout


def test_quiet_prints_only_the_end(tmp_path: Path) -> None:
    result = remit("run", "go", "--quiet", "--agent", spec(tmp_path), "--model", script(tmp_path, DONE))
    assert "thought" not in result.stdout
    assert "It is done." in result.stdout


def test_the_end_as_json_is_all_that_is_printed(tmp_path: Path) -> None:
    result = remit("run", "go", "--json", "--agent", spec(tmp_path), "--model", script(tmp_path, DONE))
    assert set(json.loads(result.stdout)) >= KEYS
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("turns", "changes", "status", "code"),
    [
        ([DONE], {}, "cannot verify", 0),  # it has no checks: nothing could be verified
        ([DONE], {"checks": [{"name": "said so", "python": "'done' in report"}]}, "met", 0),
        ([SENDING, DONE], {}, "waiting", 3),
        ([CANNOT], {}, "not met", 4),
        ([{"tool": "charge", "args": {"amount": 99}}, CANNOT], {}, "refused", 5),
        ([DONE], {"checks": [{"name": "odd", "python": "1 +"}]}, "cannot verify", 6),
        ([{"tool": "charge", "args": {"amount": 5}}] * 2, {"tools": ["tests.cli.faulty"], "rules": []}, "failed", 1),
    ],
    ids=["no checks", "met", "waiting", "not met", "refused", "cannot verify", "failed"],
)  # fmt: skip
def test_the_exit_code_says_how_it_ended(
    tmp_path: Path, turns: list[object], changes: dict[str, object], status: str, code: int
) -> None:
    agent, model = spec(tmp_path, **changes), script(tmp_path, *turns)
    result = remit("run", "go", "--json", "--agent", agent, "--model", model)
    assert (json.loads(result.stdout)["status"], result.exit_code) == (status, code)
    shown = remit("watch", "last")
    assert shown.exit_code == code
    assert status in shown.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["", "--model", "scripted:x.json"], "there is no goal"),
        (["go", "--agent", "suport"], "Did you mean 'support'?"),
        (["go", "--agent", "none.yaml"], "there is no agent file none.yaml"),
        (["go", "--model", "scripted:none.json"], "none.json: cannot be read"),
        (["go", "--model", "antropic:claude-opus-5-5"], "Did you mean 'anthropic:claude-opus-5-5'?"),
        (["go", "--file", "none.csv"], "--file none.csv: there is no such file"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_begun(args: list[str], said: str) -> None:
    result = remit("run", *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert data("runs") == []


def test_a_wrong_key_in_an_agents_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = Path(spec(tmp_path))
    path.write_text(path.read_text() + "instrucions: be kind\n")
    result = remit("run", "go", "--agent", str(path))
    assert result.exit_code == 2
    assert f"agent.yaml:{len(path.read_text().splitlines())}" in result.stderr
    assert "'instructions'" in result.stderr


def test_files_are_copied_into_the_runs_folder(tmp_path: Path, here: Settings) -> None:
    (tmp_path / "sales.csv").write_text("month,amount\n1,2\n")
    model = script(tmp_path, {"tool": "files_read", "args": {"path": "sales.csv"}}, DONE)
    agent = spec(tmp_path, tools=["files.*"], rules=[])
    ended = data("run", "sum it", "--agent", agent, "--model", model, "--file", str(tmp_path / "sales.csv"))
    assert (here.data_dir / "runs" / ended["run"] / "sales.csv").read_text() == "month,amount\n1,2\n"
    assert "month,amount" in remit("show").stdout


def test_in_shadow_nothing_happens_and_the_timeline_says_what_would_have(tmp_path: Path) -> None:
    model = script(tmp_path, {"tool": "charge", "args": {"amount": 5}}, DONE)
    ended = data("run", "charge five", "--shadow", "--agent", spec(tmp_path), "--model", model)
    assert (world.done, ended["effects"]) == ([], [])
    assert "charge simulated" in remit("show").stdout


def test_a_detached_run_is_left_to_a_worker(tmp_path: Path) -> None:
    model = script(tmp_path, DONE)
    begun = data("run", "go", "--detach", "--agent", spec(tmp_path), "--model", model)
    assert begun["status"] == "running"
    words = remit("run", "go", "--detach", "--agent", spec(tmp_path), "--model", model)
    assert "remit watch" in words.stdout
    assert words.exit_code == 0


def test_a_detached_run_has_the_priority_it_is_given(tmp_path: Path) -> None:
    begun = ("run", "go", "--agent", spec(tmp_path), "--model", script(tmp_path, DONE), "--priority")
    assert data(*begun, "7", "--detach")["status"] == "running"
    assert asyncio.run(priorities()) == [7]
    for wrong, words in (("7",), "--detach"), (("11", "--detach"), "10"):
        refused = remit(*begun, *wrong)
        assert refused.exit_code == 2
        assert words in refused.stderr


async def priorities() -> list[int]:
    async with open_store(settings.load()) as store, store.pool.connection() as connection:
        rows = await connection.execute("select priority from procrastinate_jobs where status = 'todo'")
        return [priority_of(place) for (place,) in await rows.fetchall()]


def test_resume_goes_on_with_a_paused_run_and_with_an_ended_one_says_so(tmp_path: Path) -> None:
    model = script(tmp_path, {"tool": "charge", "args": {"amount": 5}}, DONE)
    run = data("run", "go", "--detach", "--agent", spec(tmp_path), "--model", model)["run"]
    assert data("pause", run)["status"] == "paused"
    assert data("resume", run[:8])["report"] == "It is done."
    again = remit("resume", "last")
    assert again.exit_code == 0
    assert "ended already" in again.stdout
    assert [what for what, _ in world.done] == ["charge"]


def test_resuming_what_waits_says_again_what_it_waits_for(tmp_path: Path) -> None:
    run = work(tmp_path, SENDING, DONE)["run"]
    result = remit("resume", run)
    assert result.exit_code == 3
    assert f"next: remit approve {run[:8]}" in result.stdout


def test_without_any_run_last_is_said_not_to_be() -> None:
    for name in ("resume", "show", "watch", "pause", "cancel", "approve", "fork", "effects"):
        result = remit(name, "last")
        assert result.exit_code == 2, name
        assert "there is no run 'last'" in result.stderr
