"""`remit rules`: a text that holds for every agent, from a file and back, with who changed it and why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.typed import remit

TEXT = "# ours\nrules:\n  - {tool: charge, ask: args.amount > 30}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ours.yaml"
    path.write_text(TEXT)
    return path


def test_a_text_is_saved_shown_and_listed_with_who_and_why(here: object, file: Path) -> None:
    assert remit("rules", "show").stdout == ""
    saved = remit("rules", "save", str(file), "--note", "finance looks")
    assert "holds: 1 rule for every agent of default" in saved.stdout
    assert remit("rules", "show").stdout == TEXT
    (one,) = json.loads(remit("rules", "list", "--json").stdout)
    assert (one["note"], one["text"]) == ("finance looks", TEXT)
    assert "finance looks" in remit("rules", "list").stdout


def test_an_earlier_version_is_shown_and_brought_back(here: object, file: Path) -> None:
    first = json.loads(remit("rules", "save", str(file), "--json").stdout)["id"]
    file.write_text("rules: []\n")
    remit("rules", "save", str(file))
    earlier = remit("rules", "show", "--version", str(first)).stdout
    assert earlier == TEXT
    remit("rules", "save", "-", input=earlier)
    assert remit("rules", "show").stdout == TEXT
    assert "unknown version of the rules" in remit("rules", "show", "--version", "999").stderr


def test_what_cannot_be_meant_is_told_with_its_line_and_nothing_is_saved(here: object, file: Path) -> None:
    file.write_text(TEXT + "  - {tool: charge, allow: 'true'}\n")
    wrong = remit("rules", "save", str(file))
    assert wrong.exit_code == 2
    assert "only narrows" in wrong.stderr
    assert remit("rules", "save", "nowhere.yaml").exit_code == 2
    assert remit("rules", "show").stdout == ""
