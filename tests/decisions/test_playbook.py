"""A playbook as people write it: read whole, or refused at the line of the mistake."""

from __future__ import annotations

import re
from datetime import time
from pathlib import Path

import pytest

from remit.errors import SpecError
from remit.playbook import read_playbook

DOCS = Path(__file__).parents[2] / "docs" / "next-best-actions.md"


def test_the_playbook_that_the_documents_show_is_one(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(actions:.*?)```", DOCS.read_text(), flags=re.DOTALL)
    assert found
    path = tmp_path / "playbook.yaml"
    path.write_text(found[1])
    book = read_playbook(path)
    assert [action.name for action in book.actions] == ["pricing-mail", "sales-call", "nothing"]
    assert book.rules.quiet[0].start == time(21)
    assert book.rules.laws[0].countries == ("DE",)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("actions:\n- name: mail\n  does: send\n", 2, "needs a channel"),
        ("actions:\n- name: wait\n  does: wait\n  costs: 3\n", 4, "actions.0.costs"),
        ("actions:\n- {name: wait, does: wait}\nrules:\n  zone: Mars/Olympus\n", 4, "is no time zone"),
        ("actions:\n- {name: wait, does: wait}\nholdout: 0.9\n", 3, "less than or equal to 0.5"),
        ("actions: [\n", 2, "broken YAML"),
        ("", 1, "actions: Field required"),
    ],
)
def test_a_mistake_is_told_at_its_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    path = tmp_path / "playbook.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        read_playbook(path)
    assert said in str(caught.value)
    assert caught.value.line == line


def test_a_file_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no such file"):
        read_playbook(tmp_path / "none.yaml")
