"""`remit contacts` at the shell: rules, who may be reached and why not, who is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.typed import data, remit

pytestmark = pytest.mark.usefixtures("here")
ANN = '{"id": "1", "at": "2026-05-01T10:00:00Z", "kind": "consent_given", "channel": "email", "email": "ann@x.example", "properties": {"purpose": "marketing"}}'
RULES = "quiet: [{start: '21:00', end: '08:00'}]\ncaps: [{name: week, count: 2, days: 7}]\n"


def flat(text: str) -> str:
    return " ".join(text.split())


def test_rules_are_set_from_a_file_and_say_who_may_be_reached_and_why_not(tmp_path: Path) -> None:
    rows, file = tmp_path / "web.jsonl", tmp_path / "rules.yaml"
    rows.write_text(ANN)
    remit("graph", "ingest", str(rows), "--source", "shop")
    assert "Nobody was reached yet" in remit("contacts", "list").stdout
    ways = {one["purpose"]: one["may"] for one in data("contacts", "show", "ann@x.example")["ways"]}
    assert ways == {"service": True, "marketing": True, "reply": True}
    file.write_text(RULES)
    assert data("contacts", "set", str(file), "--note", "too many")["version"] == 1
    assert data("contacts", "rules")["caps"][0]["count"] == 2
    assert "too many" in flat(remit("contacts", "rules", "--history").stdout)
    told = flat(remit("contacts", "show", "ann@x.example").stdout)
    assert "time zone is not known, and the rules name none for such people (quiet hours)" in told
    assert "email to ann@x.example, reply: yes" in told
    again = tmp_path / "again.yaml"
    again.write_text(remit("contacts", "rules").stdout)
    assert data("contacts", "set", str(again))["version"] == 2, "what is printed is what is taken"


def test_somebody_is_left_alone_until_that_is_lifted(tmp_path: Path) -> None:
    rows = tmp_path / "web.jsonl"
    rows.write_text(ANN)
    remit("graph", "ingest", str(rows), "--source", "shop")
    number = data("contacts", "suppress", "ann@x.example", "--because", "a lawsuit")["suppression"]
    assert "a lawsuit (suppressed)" in flat(remit("contacts", "show", "ann@x.example").stdout)
    assert "email:ann@x.example" in remit("contacts", "suppressed").stdout
    assert remit("contacts", "lift", str(number)).exit_code == 0
    assert "Nobody is left alone" in remit("contacts", "suppressed").stdout
    assert "unknown suppression" in remit("contacts", "lift", str(number)).stderr
    assert "that is over" in flat(
        remit("contacts", "suppress", "ann@x.example", "--because", "x", "--until", "2020-01-01").stderr
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("caps: [{name: week, count: many, days: 7}]", "caps.0.count"),
        ("zone: Berlin", "'Berlin' is no time zone"),
        ("quiet: [{start: '21:00', end: '21:00'}]", "two different times"),
        ("consents: {}", "consents"),
    ],
)
def test_a_file_that_holds_no_rules_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(text)
    result = remit("contacts", "set", str(file))
    assert result.exit_code == 2
    assert said in flat(result.stderr)
