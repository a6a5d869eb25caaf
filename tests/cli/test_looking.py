"""`remit runs`, `show`, `watch`, `why`: what they print, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.typed import CANNOT, DONE, SENDING, data, remit, script, spec, work

pytestmark = pytest.mark.usefixtures("here")
CHARGE = {"tool": "charge", "args": {"amount": 5}}
MEMBER = {
    "name": "scout",
    "tools": ["tests.agents.world"],
    "reflect": False,
    "remit": {"autonomy": "act"},
}
DELEGATING = {"tool": "delegate", "args": {"agent": "scout", "task": "look W1 up"}}


def with_a_child(folder: Path, *child_turns: object) -> str:
    """A run that has delegated a part of its goal. Both models are by file."""
    (folder / "child").mkdir()
    member = {**MEMBER, "model": script(folder / "child", *child_turns)}
    run: str = work(folder, DELEGATING, DONE, team=[member])["run"]
    return run


def test_runs_are_listed_newest_first_and_can_be_told_apart(tmp_path: Path) -> None:
    first = work(tmp_path, DONE, goal="the first")["run"]
    second = work(tmp_path, SENDING, DONE, goal="the second")["run"]
    rows = data("runs")
    assert [row["id"] for row in rows] == [second, first]
    assert set(rows[0]) >= {"id", "agent", "goal", "person", "status", "created_at", "updated_at"}
    assert [row["id"] for row in data("runs", "--status", "waiting")] == [second]
    assert [row["id"] for row in data("runs", "--limit", "1")] == [second]
    lines = remit("runs").stdout.splitlines()
    assert len(lines) == 3
    assert "the second" in lines[1]
    assert second[:8] in lines[1]


def test_no_runs_and_no_such_runs_are_two_things(tmp_path: Path) -> None:
    assert "No runs yet" in remit("runs").stdout
    work(tmp_path, DONE)
    assert remit("runs", "--agent", "other").stdout == "No such runs.\n"
    wrong = remit("runs", "--status", "waitin")
    assert wrong.exit_code == 2
    assert "Did you mean 'waiting'?" in wrong.stderr


def test_show_prints_the_timeline_as_a_tree_with_verdicts_and_reasons(tmp_path: Path) -> None:
    run = work(tmp_path, {"tool": "charge", "args": {"amount": 99}}, CANNOT, goal="charge them")["run"]
    shown = remit("show", run).stdout
    assert shown.splitlines()[0].split() == ["1", "shop", "charge", "them"]
    assert "judged 1.1 charge deny" in shown
    assert "at most fifty dollars" in shown
    assert "refused" in shown
    found = data("show", run[:6])
    assert [event["seq"] for event in found["events"]] == list(range(1, len(found["events"]) + 1))
    assert found["status"] == "refused"


def test_a_long_argument_stays_beside_its_events_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from remit.cli import common

    run = work(tmp_path, {"tool": "post", "args": {"text": "word " * 30}}, DONE)["run"]
    monkeypatch.setattr(common.console, "width", 60)
    lines = remit("show", run).stdout.splitlines()
    assert all(len(line.rstrip()) <= 60 for line in lines)
    at = next(number for number, line in enumerate(lines) if "thought post" in line)
    assert lines[at + 1].startswith("│        ")


def test_show_puts_a_childs_timeline_into_its_parents_and_names_it(tmp_path: Path) -> None:
    run = with_a_child(tmp_path, {"tool": "look_up", "args": {"order": "W1"}}, DONE)
    found = data("show", run)
    (child,) = found["children"]
    assert (child["agent"], child["call"], child["parent"]) == ("scout", "1.1", run)
    assert child["status"] == "cannot verify"
    shown = remit("show", run).stdout
    assert "got look_up ok" in shown
    assert f"{child['run'][:8]} of scout for 1.1: cannot verify" in shown


def test_show_of_a_parent_that_waits_says_for_which_child(tmp_path: Path) -> None:
    asking = {"tool": "ask_person", "args": {"question": "Which?"}}
    run = with_a_child(tmp_path, asking, DONE)
    (child,) = data("show", run)["children"]
    assert child["status"] == "waiting"
    assert f"{child['run'][:8]} of scout for 1.1: waited for" in remit("show", run).stdout
    assert [row["run"] for row in data("inbox")] == [child["run"]]


def test_watch_as_json_is_one_line_an_event_and_the_end_last(tmp_path: Path) -> None:
    run = work(tmp_path, CHARGE, DONE)["run"]
    lines = [json.loads(line) for line in remit("watch", run, "--json").stdout.splitlines()]
    assert [line["seq"] for line in lines[:-1]] == list(range(1, len(lines)))
    assert (lines[-1]["run"], lines[-1]["status"]) == (run, "cannot verify")


def test_watch_ends_where_a_person_is_needed_or_the_run_is_paused(tmp_path: Path) -> None:
    run = work(tmp_path, SENDING, DONE)["run"]
    waiting = remit("watch", run)
    assert waiting.exit_code == 3
    assert "asks a1.1" in waiting.stdout
    assert remit("pause", run).exit_code == 0
    assert "paused by olga" in remit("watch", run).stdout


@pytest.mark.parametrize(
    ("given", "said"), [("zz", "is not a run's id"), ("", "is not a run's id"), ("0" * 8, "there is no run")]
)
def test_a_wrong_id_is_said_to_be_one(given: str, said: str) -> None:
    for name in ("show", "watch", "resume", "pause", "cancel", "fork", "approve", "reject"):
        result = remit(name, given)
        assert (result.exit_code, result.stdout) == (2, ""), name
        assert said in result.stderr
    for name in ("why", "undo", "answer"):
        assert remit(name, given, "1.1").exit_code == 2


def test_an_id_that_begins_two_runs_is_said_to_be_too_short(tmp_path: Path) -> None:
    known: dict[str, str] = {}
    while True:  # 17 runs at most
        run = data("run", "go", "--detach", "--agent", spec(tmp_path), "--model", script(tmp_path, DONE))[
            "run"
        ]
        if run[0] in known:
            break
        known[run[0]] = run
    result = remit("show", run[0])
    assert result.exit_code == 2
    assert "several runs begin with" in result.stderr


def test_why_tells_the_rule_the_evidence_and_where_each_value_was_seen(tmp_path: Path) -> None:
    run = work(tmp_path, SENDING, DONE, goal="write hi to a@b.example")["run"]
    assert remit("approve", run).exit_code == 0
    found = data("why", run, "1.1")
    assert (found["tool"], found["verdict"], found["approved by"]) == ("send", "ask", "olga")
    assert found["values"]["to"] == {
        "value": "a@b.example", "evidence": "grant", "from": ["the goal (event 1)"]
    }  # fmt: skip
    shown = remit("why", run, "1.1").stdout
    assert "reasons: what leaves is asked" in shown
    assert "to = a@b.example: the goal (event 1) (grant)" in shown
    events = data("show", run)["events"]
    by_number = next(e["seq"] for e in events if e["body"]["type"] == "judged")
    assert data("why", run, str(by_number)) == found


def test_show_tells_what_the_guardian_said(tmp_path: Path) -> None:
    doubt = {"answers": [{"data": {"decision": "deny", "why": "nobody asked for that"}}]}
    (tmp_path / "guardian.json").write_text(json.dumps(doubt))
    guardian = {"model": f"scripted:{tmp_path / 'guardian.json'}"}
    work(tmp_path, {"tool": "charge", "args": {"amount": 5}}, CANNOT, guardian=guardian)
    shown = remit("show").stdout
    assert "guardian says deny  nobody asked for that" in shown
    assert "the rules allow it: allow charge" in shown


def test_why_of_a_step_that_is_not_there_lists_the_steps(tmp_path: Path) -> None:
    work(tmp_path, CHARGE, DONE)
    result = remit("why", "last", "1.7")
    assert result.exit_code == 2
    assert "Did you mean '1.1'?" in result.stderr
