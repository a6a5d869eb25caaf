"""`remit budgets`: set, listed, removed, and what is said of a mistake."""

from __future__ import annotations

import pytest

from remit.settings import Settings
from tests.cli.typed import data, remit


def test_a_budget_is_set_listed_changed_and_removed(here: Settings) -> None:
    made = data("budgets", "set", "month", "50", "--tokens", "2M")
    assert (made["agent"], made["period"], made["money"], made["tokens"]) == ("", "month", "50", 2_000_000)
    data("budgets", "set", "day", "$1,200.50", "--agent", "support")
    data("budgets", "set", "month", "60")
    listed = data("budgets", "list")
    assert [(one["agent"], one["money"], one["tokens"], one["by"]) for one in listed] == [
        ("", "60", None, "olga"),
        ("support", "1200.50", None, "olga"),
    ]
    assert "$1,200.50" in remit("budgets", "list").stdout
    gone = data("budgets", "remove", "day", "--agent", "support")
    assert gone == {"agent": "support", "period": "day", "removed": True}
    assert "not limited a month any more" in remit("budgets", "remove", "month").stdout
    assert "No budget is set" in remit("budgets", "list").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "year", "5"], "unknown period 'year'"),
        (["set", "month"], "say how much"),
        (["set", "month", "much"], "is no amount"),
        (["set", "month", "1e9"], "is no amount"),
        (["set", "month", "5", "--tokens", "3x"], "is no number of tokens"),
        (["set", "month", "5", "--agent", "A B"], "is no name of an agent"),
        (["remove", "month"], "unknown budget 'workspace month'"),
    ],
)
def test_what_is_wrong_is_said(here: Settings, words: list[str], said: str) -> None:
    result = remit("budgets", *words)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
