"""`remit agents`, `tools`, `models`, `doctor`, `generate`, and `remit` itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from remit.cli import main as main_module
from remit.cli.main import COMMANDS
from tests.cli.typed import DONE, data, remit, script, spec


def typed(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The exit code of `remit` with these words."""
    monkeypatch.setattr(sys, "argv", ["remit", *words])
    try:
        main_module.main()
    except SystemExit as left:
        return int(left.code or 0)
    return 0


def test_the_overview_names_every_command_and_the_exit_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["--help"], ["-h"], ["help"]):
        assert typed(monkeypatch, *words) == 0
        out = capsys.readouterr().out
        assert all(f"\n  {name} " in out for name in COMMANDS)
        assert "Exit codes: 0 done, 3 waiting" in out
    assert typed(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.startswith("remit ")


def test_help_of_a_command_can_be_asked_for_either_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "help", "undo") == 0
    one = capsys.readouterr().out
    assert typed(monkeypatch, "undo", "--help") == 0
    assert capsys.readouterr().out == one


def test_a_command_that_does_not_exist_is_met_with_the_nearest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(monkeypatch, "aprove", "last") == 2
    assert "Did you mean 'approve'?" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    shown = remit(name, "--help")
    assert shown.exit_code == 0
    assert "Example" in shown.stdout
    assert f"remit {name}" in shown.stdout.split("Example", 1)[1]


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - {"worker"}))  # which prints no result
def test_every_command_takes_json(name: str) -> None:
    assert "--json" in remit(name, "--help").stdout


def test_tools_are_listed_by_family_with_effects_and_sinks() -> None:
    found = data("tools", "files.*")
    assert {tool["name"] for tool in found} >= {"files_read", "files_write"}
    assert set(found[0]) == {
        "name", "description", "effect", "schema", "sinks", "result", "fields", "confidentiality", "clearance", "settled by",
        "timeout",
    }  # fmt: skip
    assert {tool["effect"] for tool in data("tools")} <= {"read", "self", "egress", "destroy"}
    assert "http_get" in remit("tools", "http.*").stdout
    wrong = remit("tools", "file.*")
    assert wrong.exit_code == 2
    assert "Did you mean 'files.*'?" in wrong.stderr


def test_models_names_what_can_be_used_and_what_would_open_the_rest(
    here: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    found = data("models")
    assert set(found[0]) == {"name", "source", "price", "available", "why"}
    shut = [model["name"] for model in found if model["source"] == "anthropic"]
    short = remit("models").stdout
    assert f"anthropic: {len(shut)} more, once you set ANTHROPIC_API_KEY" in short
    assert shut[0] not in short
    whole = remit("models", "--all").stdout
    assert all(f"  {name}  " in whole for name in shut)


def test_doctor_says_what_holds_and_what_to_mend(here: object) -> None:
    findings = data("doctor")
    assert {"python", "connection", "migrations", "workers", "queue", "models"} <= {
        f["name"] for f in findings
    }
    assert all(f["mend"] for f in findings if f["state"] == "fail")
    result = remit("doctor")
    assert result.exit_code == (1 if any(f["state"] == "fail" for f in findings) else 0)


def test_generate_answers_once_and_as_json_says_what_it_cost(tmp_path: Path, here: object) -> None:
    path = tmp_path / "says.json"
    path.write_text(json.dumps(["A haiku."]))
    plain = remit("generate", "Write a haiku", "--model", f"scripted:{path}")
    assert (plain.exit_code, plain.stdout) == (0, "A haiku.\n")
    found = data("generate", "Write a haiku", "--model", f"scripted:{path}")
    assert found["text"] == "A haiku."
    assert set(found) == {"text", "data", "out", "model", "small", "finish", "usage"}
    out = tmp_path / "haiku.txt"
    assert remit("generate", "x", "--model", f"scripted:{path}", "--out", str(out)).exit_code == 0
    assert out.read_text() == "A haiku.\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["x", "--task", "sumarize"], "Did you mean 'summarize'?"),
        (["x", "--schema", "{"], "not JSON"),
        (["x", "--task", "image"], "--out FILE"),
        (["x", "--file", "none.txt"], "none.txt"),
        (["x", "--model", "scripted:none.json"], "cannot be read"),
    ],
)
def test_generate_says_what_is_wrong_with_its_input(here: object, args: list[str], said: str) -> None:
    result = remit("generate", *args)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_scripted_model_that_has_no_more_answers_puts_the_run_to_a_person(
    tmp_path: Path, here: object
) -> None:
    charge = {"tool": "charge", "args": {"amount": 5}}
    ended = data("run", "go", "--agent", spec(tmp_path), "--model", script(tmp_path, charge))
    assert [asked["ask_id"] for asked in ended["waits"]] == ["model1"]
    shown = remit("inbox").stdout
    assert "The model failed" in shown
    script(tmp_path, charge, DONE)  # mended
    assert data("approve", "last")["report"] == "It is done."
