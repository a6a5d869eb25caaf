"""`remit retention data`: tried, set, listed, removed, and what is said of a mistake."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remit.settings import Settings
from tests.cli.typed import data, remit
from tests.graph.conftest import row


def test_a_rule_is_tried_set_listed_and_removed(here: Settings) -> None:
    assert "All that is known of people is kept" in remit("retention", "data", "list").stdout
    rows = [
        row("old", 900, email="ann@x.example", kind="message", text="I am ill"),
        row("new", email="ann@x.example"),
    ]
    Path("rows.jsonl").write_text("\n".join(json.dumps(each) for each in rows))
    remit("graph", "ingest", "rows.jsonl", "--source", "shop")
    tried = data("retention", "data", "set", "words", "--kind", "message", "--for", "2y", "--dry-run")
    assert (tried["foreseen"]["rows"], tried["foreseen"]["more"], tried["rule"]) == (1, False, None)
    made = remit("retention", "data", "set", "words", "--kind", "message", "--for", "2y").stdout
    assert (
        "words of message: kept 2y. Now it would take away 1 (words of what happened), the oldest of"
        in " ".join(made.split())
    )
    remit("retention", "data", "set", "people", "--for", "5y")
    listed = data("retention", "data", "list")
    assert [(one["what"], one["kind"], one["lasts"], one["by"]) for one in listed] == [
        ("people", "", "5y", "olga"), ("words", "message", "2y", "olga"),
    ]  # fmt: skip
    assert "not yet" in remit("retention", "data", "list").stdout
    assert data("retention", "data", "remove", "people")["removed"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "words", "--for", "soon"], "is no age"),
        (["set", "runs", "--for", "2y"], "nothing that has a rule"),
        (["set", "interactions", "--for", "never"], "remove the rule instead"),
        (["remove", "words"], "unknown rule 'words'"),
    ],
)
def test_a_mistake_is_told(here: Settings, words: list[str], said: str) -> None:
    result = remit("retention", "data", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_what_something_may_be_used_for_is_said_listed_and_taken_back(here: Settings) -> None:
    assert "may be used for everything" in remit("graph", "purpose", "list").stdout
    words = ["about.health", "--for", "service", "--for", "fraud", "--because", "taken for claims"]
    said = remit("graph", "purpose", "set", *words).stdout
    assert "about.health may be used for fraud and service, and nothing else" in " ".join(said.split())
    (one,) = data("graph", "purpose", "list")
    assert (one["field"], one["purposes"], one["by"]) == ("about.health", ["fraud", "service"], "olga")
    assert data("graph", "purpose", "remove", "about.health") == {"removed": "about.health"}
    wrong = remit("graph", "purpose", "set", "health", "--for", "service", "--because", "x")
    assert (wrong.exit_code, "is no field: about.health" in " ".join(wrong.output.split())) == (2, True)
