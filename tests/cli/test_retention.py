"""`remit retention`: set, listed, removed, and what is said of a mistake."""

from __future__ import annotations

import pytest

from remit.settings import Settings
from tests.cli.test_retain import ended
from tests.cli.typed import data, remit


def test_a_rule_is_tried_set_listed_and_removed(here: Settings) -> None:
    ended(here, 2)
    words = ["--archive-after", "30d", "--delete-after", "60d"]
    tried = data("retention", "set", *words, "--dry-run")
    assert (tried["foreseen"]["archive"], tried["foreseen"]["delete"], tried["rule"]) == (2, 2, None)
    assert "Every run is kept" in remit("retention", "list").stdout
    made = data("retention", "set", *words)
    assert (made["rule"]["agent"], made["rule"]["archive_after"], made["rule"]["by"]) == ("", "30d", "olga")
    assert "archive after never" in remit("retention", "set", "--agent", "clerk").stdout
    listed = data("retention", "list")
    assert [(one["agent"], one["delete_after"]) for one in listed] == [("", "60d"), ("clerk", "never")]
    shown = remit("retention", "list").stdout
    assert "not yet" in shown
    assert "all others" in shown
    assert data("retention", "remove") == {"agent": "", "removed": True}
    assert "no rule" in remit("retention", "remove", "--agent", "clerk").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set"], "after how long"),
        (["set", "--archive-after", "soon"], "is no age"),
        (["set", "--delete-after", "7y"], "only archives are deleted"),
        (["set", "--archive-after", "7y", "--delete-after", "90d"], "must be older"),
        (["set", "--archive-after", "7d", "--agent", "A B"], "is no name of an agent"),
        (["remove"], "unknown rule 'workspace'"),
    ],
)
def test_what_is_wrong_is_said(here: Settings, words: list[str], said: str) -> None:
    result = remit("retention", *words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
