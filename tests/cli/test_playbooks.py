"""`remit decisions` with the playbooks of a workspace, as it is typed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.typed import data, remit

TEXT = "# ours\nactions:\n- {name: mail, does: send, channel: email}\n"


def test_a_playbook_is_saved_shown_compared_and_put_into_a_stage(here: object, tmp_path: Path) -> None:
    file = tmp_path / "winback.yaml"
    file.write_text(TEXT)
    assert (
        "winback, version 1: shadow, 1 actions" in remit("decisions", "save", str(file), "-m", "first").stdout
    )
    file.write_text(TEXT + "holdout: 0.1\n")
    assert data("decisions", "save", str(file))["version"] == 2
    assert remit("decisions", "show", "winback", "--version", "1").stdout == TEXT
    assert "+holdout: 0.1" in remit("decisions", "diff", "winback", "1").stdout
    refused = remit("decisions", "stage", "winback", "ramp", "--share", "0.1")
    assert refused.exit_code == 2
    assert "0 decisions were made in shadow" in " ".join(refused.stderr.split())
    assert (
        "winback, version 2: ramp 0.1"
        in remit("decisions", "stage", "winback", "ramp", "--share", "0.1", "--anyway", "a trial").stdout
    )
    (ramp,) = data("decisions", "playbooks")["winback"]
    assert (ramp["version"], ramp["stage"], ramp["staged_by"], ramp["why"]) == (2, "ramp", "olga", "a trial")
    assert "a trial" in remit("decisions", "playbooks").stdout


def test_the_next_action_of_a_person_is_told_with_what_was_ruled_out_and_a_round_decides_for_all(
    here: object, tmp_path: Path
) -> None:
    file, rows = tmp_path / "winback.yaml", tmp_path / "rows.jsonl"
    file.write_text(TEXT)
    rows.write_text("".join(
        json.dumps({"id": f"v{n}", "at": "2026-05-01T10:00:00Z", "kind": "visit", "channel": "web", "email": f"ann{n}@shop.example"}) + "\n"
        for n in range(3)
    ))  # fmt: skip
    remit("graph", "ingest", str(rows), "--source", "shop")
    assert "no playbook decides" in remit("decisions", "next", "ann1@shop.example").stderr
    remit("decisions", "save", str(file))
    told = " ".join(remit("decisions", "next", "ann1@shop.example").stdout.split())
    assert "nothing for ann1@shop.example, by winback 1 (shadow)" in told
    assert "consent: never said yes to marketing by email" in told
    (one,) = data("decisions", "next", "ann1@shop.example", "--take")["next"]["winback"]
    assert (one["action"], one["ruled_out"][0]["rules"][0]["rule"], one["features"]["channel"]) == (
        "nothing",
        "consent",
        "web",
    )
    assert "3 people looked at, 3 decisions" in remit("decisions", "run", "winback").stdout
    assert data("decisions", "run", "winback", "--only", "channel=store")["made"] == 0
    wrong = remit("decisions", "run", "winback", "--only", "height>3")
    assert (wrong.exit_code, "unknown thing that is known of people" in " ".join(wrong.stderr.split())) == (
        2,
        True,
    )


def test_what_cannot_be_meant_is_told_and_nothing_is_saved(here: object, tmp_path: Path) -> None:
    assert "No playbook is kept here" in remit("decisions", "playbooks").stderr
    for words, said in {
        ("save", "-"): "is no name of a playbook",
        ("show", "winback"): "unknown playbook",
        ("stage", "winback", "up"): "is no stage",
        ("stage", "winback", "live", "--share", "0.1"): "a share is for ramp",
    }.items():
        result = remit("decisions", *words, input="actions: []\n")
        assert result.exit_code == 2
        assert said in " ".join(result.stderr.split())
    result = remit(
        "decisions", "save", "-", "--name", "winback", input="actions:\n- {name: mail, does: send}\n"
    )
    assert (result.exit_code, "needs a channel" in result.stderr) == (2, True)
