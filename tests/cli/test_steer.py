"""`remit fork`, `pause`, `cancel`: what they do to a run and its children, and what they say of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import UUID

import pytest

from remit.app import open_app
from remit.journal.events import Answered, Call, Intended, Judged
from remit.settings import Settings
from tests.agents import world
from tests.cli.test_looking import with_a_child
from tests.cli.typed import DONE, SENDING, data, remit, script, spec, work

pytestmark = pytest.mark.usefixtures("here")
CHARGE = {"tool": "charge", "args": {"amount": 5}}
ASKING = {"tool": "ask_person", "args": {"question": "Which?"}}


def test_a_fork_goes_on_from_an_event_and_repeats_no_effect_before_it(tmp_path: Path) -> None:
    run = work(tmp_path, CHARGE, DONE)["run"]
    did = next(e["seq"] for e in data("show", run)["events"] if e["body"]["type"] == "acted")
    forked = data("fork", run, "--at", str(did))
    assert forked["run"] != run
    assert forked["report"] == "It is done."
    assert [what for what, _ in world.done] == ["charge"]


def test_a_fork_that_waits_is_made_and_not_advanced(tmp_path: Path) -> None:
    run = work(tmp_path, CHARGE, DONE)["run"]
    forked = data("fork", run, "--at", "1", "--wait")
    assert (forked["fork_of"], forked["steps"], forked["status"]) == (run, 0, "running")
    assert "remit resume" in remit("fork", run, "--at", "1", "--wait").stdout
    assert [what for what, _ in world.done] == ["charge"]


def test_a_fork_can_have_another_model(tmp_path: Path) -> None:
    run = work(tmp_path, CHARGE, DONE)["run"]
    other = tmp_path / "other"
    other.mkdir()
    spoken = {"tool": "finish", "args": {"report": "Another did it.", "outcome": "done"}}
    forked = data("fork", run, "--at", "1", "--model", script(other, spoken))
    assert forked["report"] == "Another did it."


def test_a_fork_can_have_other_rules_and_be_simulated_only(tmp_path: Path) -> None:
    run = work(tmp_path, CHARGE, DONE)["run"]
    rules = tmp_path / "rules.yaml"
    rules.write_text("rules:\n- tool: charge\n  deny: 'true'\n")
    forked = data("fork", run, "--at", "1", "--shadow")
    assert [what for what, _ in world.done] == ["charge"]
    outcomes = [
        e["body"]["status"] for e in data("show", forked["run"])["events"] if e["body"]["type"] == "acted"
    ]
    assert outcomes[0] == "simulated"
    forked = data("fork", run, "--at", "1", "--rules", str(rules))
    assert [what for what, _ in world.done] == ["charge"]
    (verdict,) = [e["body"] for e in data("show", forked["run"])["events"] if e["body"]["type"] == "judged"]
    assert verdict["decision"] == "deny"
    rules.write_text("rules:\n- tool: charge\n  dney: 'true'\n")
    wrong = remit("fork", run, "--at", "1", "--rules", str(rules))
    assert (wrong.exit_code, "rules.yaml:3: unknown key" in wrong.stderr) == (2, True)


@pytest.mark.parametrize("at", ["0", "-3", "999"])
def test_a_fork_from_an_event_that_is_not_there_is_refused(tmp_path: Path, at: str) -> None:
    run = work(tmp_path, DONE)["run"]
    result = remit("fork", run, "--at", at)
    assert result.exit_code == 2
    assert "has events 1 to" in result.stderr
    assert len(data("runs")) == 1


def test_pausing_says_so_and_pausing_again_changes_nothing(tmp_path: Path) -> None:
    run = data("run", "go", "--detach", "--agent", spec(tmp_path), "--model", script(tmp_path, DONE))["run"]
    words = remit("pause", run)
    assert (words.exit_code, f"{run} is paused" in words.stdout) == (0, True)
    assert f"next: remit resume {run[:8]}" in words.stdout
    before = len(data("show", run)["events"])
    assert data("pause", run)["status"] == "paused"
    assert len(data("show", run)["events"]) == before


def test_what_has_ended_can_be_neither_paused_nor_cancelled(tmp_path: Path) -> None:
    run = work(tmp_path, DONE)["run"]
    for name in ("pause", "cancel"):
        result = remit(name, run)
        assert result.exit_code == 2
        assert "already ended: cannot verify" in result.stderr


def test_pausing_a_parent_pauses_its_children_and_resuming_lets_both_go_on(tmp_path: Path) -> None:
    run = with_a_child(tmp_path, ASKING, DONE)
    paused = data("pause", run)
    assert (paused["status"], [child["status"] for child in paused["children"]]) == ("paused", ["paused"])
    assert remit("resume", run).exit_code == 3
    (child,) = data("show", run)["children"]
    assert child["status"] == "waiting"
    assert data("answer", child["run"], "that one")["report"] == "It is done."
    assert data("resume", run)["report"] == "It is done."


def test_cancelling_a_parent_says_what_became_of_its_children(tmp_path: Path) -> None:
    run = with_a_child(tmp_path, ASKING, DONE)
    cancelled = data("cancel", run, "--why", "no need")
    assert cancelled["status"] == "cancelled"
    assert "no need" in cancelled["why"]
    assert [child["status"] for child in cancelled["children"]] == ["cancelled"]
    assert data("inbox") == []


def test_cancelling_in_words_lists_children_and_what_stays_done(tmp_path: Path) -> None:
    run = work(tmp_path, CHARGE, SENDING, DONE)["run"]
    assert 'stays done: 1.1 charge {"amount":5}' in remit("cancel", run).stdout
    (tmp_path / "team").mkdir()
    parent = with_a_child(tmp_path / "team", ASKING, DONE)
    (child,) = data("show", parent)["children"]
    assert f"child {child['run'][:8]} of scout: cancelled" in remit("cancel", parent).stdout


def test_cancelling_says_which_effects_are_in_doubt(tmp_path: Path, here: Settings) -> None:
    run = data("run", "go", "--detach", "--agent", spec(tmp_path), "--model", script(tmp_path, DONE))["run"]

    async def begin() -> None:
        """As a worker that died in the middle of an effect of which nobody can find out."""
        async with open_app(here) as app:
            answered = Answered(model="m", calls=[Call(id="1.1", tool="post", args={"text": "x [/] y"})])
            judged = Judged(call_id="1.1", tool="post", effect="destroy", decision="allow", rule="r")
            await app.journal.append(
                UUID(run), 1, [answered, judged, Intended(call_id="1.1", key=f"{run}:1.1")]
            )

    asyncio.run(begin())
    words = remit("cancel", run)
    assert 'in doubt: 1.1 post {"text":"x [/] y"}' in words.stdout
    assert "remit effects --doubtful" in words.stdout
    assert [effect["outcome"] for effect in data("effects", "--doubtful")] == ["unknown"]
