"""`remit workspaces`, and commands that work in one of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from remit import settings
from remit.cli import main
from remit.settings import Settings
from tests.cli.typed import DONE, SENDING, data, remit, script, spec


def test_workspaces_are_added_renamed_and_listed(here: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REMIT_USER", "ann")
    assert data("workspaces", "add", "acme", "--title", "Acme Sales")["title"] == "Acme Sales"
    assert data("workspaces", "rename", "acme", "Acme Europe")["name"] == "acme"
    found = data("workspaces", "list")
    assert [(one["name"], one["title"]) for one in found] == [("default", "Default"), ("acme", "Acme Europe")]
    assert "Acme Europe" in remit("workspaces", "list").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["add", "Acme"], "no name for a workspace"),
        (["add", "default"], "there is a workspace 'default' already"),
        (["rename", "defalt", "x"], "Did you mean 'default'?"),
        (["rename", "default", " "], "1 to 100 characters"),
    ],
)
def test_what_cannot_be_done_is_said(here: Settings, words: list[str], said: str) -> None:
    result = remit("workspaces", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


def within(here: Settings, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As if REMIT_WORKSPACE said it."""
    monkeypatch.setattr(settings, "load", lambda: here.model_copy(update={"workspace": name}))


def test_a_command_works_in_the_workspace_that_is_named(
    here: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REMIT_USER", "ann")
    data("workspaces", "add", "acme")
    within(here, monkeypatch, "acme")
    data("people", "add", "bo", "--role", "viewer")
    assert {one["name"] for one in data("people", "list")} == {"ann", "bo"}
    run = data("run", "send it", "--agent", spec(tmp_path), "--model", script(tmp_path, SENDING, DONE))["run"]
    assert [one["id"] for one in data("runs")] == [run]
    assert [one["run"] for one in data("inbox")] == [run]
    assert data("approve", run)["status"] == "cannot verify"
    assert [one["run"] for one in data("effects")] == [run]
    within(here, monkeypatch, "default")
    assert "bo" not in {one["name"] for one in data("people", "list")}
    assert data("runs") == data("inbox") == data("effects") == []
    for words in (
        ["show", run],
        ["why", run, "1.1"],
        ["cancel", run],
        ["fork", run],
        ["undo", run, "1.1"],
        ["replay", run],
    ):
        result = remit(*words)
        assert result.exit_code == 2, words
        assert "there is no run" in " ".join(result.stderr.split()), words


def test_one_that_there_is_not_is_said_with_the_nearest(
    here: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    within(here, monkeypatch, "defaul")
    result = remit("runs")
    assert result.exit_code == 2
    assert "Did you mean 'default'?" in " ".join(result.stderr.split())


def test_the_option_stands_before_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REMIT_WORKSPACE", "default")  # so that it is put back
    monkeypatch.setattr(sys, "argv", ["remit", "--workspace", "acme", "--version"])
    main.main()
    assert capsys.readouterr().out.startswith("remit ")
    assert os.environ["REMIT_WORKSPACE"] == "acme"
