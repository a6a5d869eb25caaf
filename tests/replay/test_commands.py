"""`remit replay` and `remit diff` as a person and a script meet them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from remit import settings as settings_module
from remit.app import open_app
from remit.cli.main import command
from remit.settings import Settings
from tests.agents import world
from tests.agents.test_loop import ANN, agent

CANCEL = {"calls": [{"tool": "cancel", "args": {"order": "W1"}}]}
LOOK = {"calls": [{"tool": "look_up", "args": {"order": "W1"}}]}
FINISH = {"calls": [{"tool": "finish", "args": {"report": "W1 was cancelled.", "outcome": "done"}}]}


@pytest.fixture
def here(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The commands work on the test's own database."""
    monkeypatch.setattr(settings_module, "load", lambda: settings)
    return settings


def remit(name: str, *args: str) -> Result:
    return CliRunner().invoke(command(name), list(args), env={"COLUMNS": "160"})


def script(path: Path, *answers: Any) -> str:
    path.write_text(json.dumps({"answers": answers, "by": "turn"}))
    return f"scripted:{path}"


def begun(settings: Settings, tmp_path: Path) -> str:
    """A run that has looked W1 up and cancelled it."""
    world.reset()
    spec = agent(
        model=script(tmp_path / "first.json", LOOK, CANCEL, FINISH),
        rules=[{"tool": "cancel", "allow": "true"}],
    )

    async def work() -> str:
        async with open_app(settings) as app:
            run = await app.start(spec, "cancel W1", person=ANN)
            await app.advance(run)
            return str(run)

    return asyncio.run(work())


def test_a_replay_against_another_model_tells_where_it_parts_and_does_nothing(
    here: Settings, tmp_path: Path
) -> None:
    run = begun(here, tmp_path)
    assert len(world.done) == 1
    done = remit("replay", run, "--model", script(tmp_path / "other.json", LOOK, FINISH))
    assert done.exit_code == 0, done.output
    assert "They part" in done.output
    assert len(world.done) == 1
    told = json.loads(remit("diff", run, "last", "--json").output)
    assert (told["a"]["effects"], told["b"]["effects"], told["b"]["simulated"]) == (1, 0, 0)
    assert told["divergence"]["a"] > told["rows"][0]["seq_a"]


def test_a_stricter_policy_is_tried_on_the_recorded_answers(here: Settings, tmp_path: Path) -> None:
    run = begun(here, tmp_path)
    rules = tmp_path / "stricter.yaml"
    rules.write_text('rules:\n  - {tool: cancel, deny: "true", because: not on Sundays}\n')
    done = remit("replay", run, "--recorded", "--rules", str(rules), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert (told["of"], told["comparison"]["b"]["denied"]) == (run, 1)
    assert {c["where"] for c in told["comparison"]["divergence"]["changes"]} == {"decision", "rule"}
    shown = remit("diff", run, "last").output
    assert "decision: allow → deny" in shown
    assert "They part at event" in shown


def test_two_runs_that_do_the_same_are_said_to(here: Settings, tmp_path: Path) -> None:
    run = begun(here, tmp_path)
    assert remit("diff", run, run).output.rstrip().endswith("They do the same.")
    remit("replay", run, "--recorded")
    shown = remit("diff", run, "last", "--all").output
    assert "only simulated in B" in shown
    assert "what differs is aside" in shown


def test_mistakes_in_the_files_are_told_with_their_line(here: Settings, tmp_path: Path) -> None:
    run = begun(here, tmp_path)
    rules = tmp_path / "rules.yaml"
    rules.write_text('rules:\n  - {tool: cancel, alow: "true"}\n')
    wrong = remit("replay", run, "--recorded", "--rules", str(rules))
    assert wrong.exit_code == 2
    assert "rules.yaml:2" in "".join(wrong.output.split())  # a long path is broken over lines
    assert "did you mean 'allow'" in wrong.output
    assert remit("replay", run, "--instructions", str(tmp_path / "none.md")).exit_code == 2
    assert remit("replay", run, "--assume", "perhaps").exit_code == 2
    assert "has events 1 to" in remit("replay", run, "--recorded", "--at", "99").output
