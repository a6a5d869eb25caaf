"""`remit segments` at the shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.typed import data, remit

pytestmark = pytest.mark.usefixtures("here")
ROWS = "\n".join(
    f'{{"id": "{n}", "at": "2026-05-0{n + 1}T10:00:00Z", "kind": "login", "channel": "web", "email": "p{n % 2}@x.example"}}'
    for n in range(3)
)


def test_a_segment_is_tried_saved_looked_at_and_removed(tmp_path: Path) -> None:
    rows, file = tmp_path / "web.jsonl", tmp_path / "comers.yaml"
    rows.write_text(ROWS)
    file.write_text("conditions:\n  - {what: did, kind: login, least: 2}\n")
    remit("graph", "ingest", str(rows))
    assert data("segments", "set", "comers", str(file), "--dry-run")["people"] == 1
    assert "There are no segments yet" in remit("segments", "list").stdout
    assert "1 of 2 people (50.0%)" in remit("segments", "set", "comers", str(file)).stdout
    assert data("segments", "people", "comers")[0]["called"] == "p0@x.example"
    assert "have a login at least 2 times" in remit("segments", "list").stdout
    assert remit("segments", "remove", "comers").exit_code == 0
    assert "unknown segment" in remit("segments", "show", "comers").stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("conditions: [{what: did, kind: login, least: often}]", "conditions.0.did.least"),
        ("conditions: []", "conditions: Tuple should have at least 1 item"),
        ("- [", "broken YAML"),
    ],
)
def test_a_file_that_is_no_segment_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    result = remit("segments", "set", "comers", str(file))
    assert result.exit_code
    assert said in " ".join(result.stderr.split())
