"""docs/policy.md as a newcomer follows it: its files are written, its commands typed, and what it shows is what comes."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from remit.cli import common
from remit.gate.evidence import LEVELS
from remit.gate.rules import Rule, compile_rules
from tests.cli.typed import remit

PAGE = (Path(__file__).parents[2] / "docs/policy.md").read_text()
FILES = (  # in its order
    *("desk.py", "desk.yaml", "post.py", "crm.py", "desk.policy.yaml", "mail.json", "stricter.yaml"),
    *("rules.yaml", "rules.policy.yaml", "day.yaml", "day.policy.yaml"),
)


def blocks(*kinds: str) -> list[str]:
    return re.findall(rf"^```(?:{'|'.join(kinds)})\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


def column(heading: str) -> list[str]:
    """The first column of the table whose first heading is that."""
    table = PAGE.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    return [row.replace(r"\|", "|") for row in re.findall(r"^\| `(.*?)` \|", table, flags=re.MULTILINE)]


def plain(text: str) -> list[str]:
    """Lines without what differs each time: ids of runs, times, blanks at the end."""
    text = re.sub(r"\b[0-9a-f]{8}\b", "<run>", text)
    text = re.sub(r"\b\d\d [A-Z][a-z]{2} \d\d:\d\d\b", "<time>", text)
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.mark.usefixtures("here")
def test_what_the_page_shows_is_what_its_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [
        block
        for block in blocks("python", "yaml", "json")
        if '"args": {"order": "W3", "amount": 70.0' not in block
    ]
    assert len(shown) == len(FILES)
    for name, text in zip(FILES, shown, strict=True):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    for module in ("desk", "post", "crm"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(common.console, "width", 100)
    (starts,) = (line for line in "".join(blocks("sh")).splitlines() if " remit run " in line)
    person, _, *words = shlex.split(starts)
    monkeypatch.setenv("REMIT_USER", person.removeprefix("REMIT_USER="))
    assert remit(*words).exit_code == 3  # it waits for a yes
    transcripts = blocks("console")
    assert len(transcripts) == 11
    for transcript in transcripts:
        typed, _, output = transcript.partition("\n")
        assert plain(remit(*shlex.split(typed)[2:]).stdout) == plain(output), typed
    monkeypatch.delitem(sys.modules, "desk")
    monkeypatch.delitem(sys.modules, "post")
    monkeypatch.delitem(sys.modules, "crm")


def test_each_condition_that_the_page_shows_holds_for_its_call() -> None:
    conditions = column("condition")
    assert len(conditions) > 10
    facts = json.loads(next(block for block in blocks("json") if block.startswith('{\n  "args"')))
    for rule in compile_rules([Rule(("refund",), "ask", one) for one in conditions], ["order"]).compiled:
        assert rule.holds(facts) is True, rule.rule.condition


def test_the_page_lists_the_levels_of_evidence_strongest_first() -> None:
    assert column("level") == list(reversed(LEVELS))
