"""`remit intents reader`: by which model messages are read, and what it comes to."""

from __future__ import annotations

import json
from pathlib import Path

from remit.settings import Settings
from tests.cli.typed import remit


def test_a_model_reads_messages_from_when_it_is_set_and_a_sentence_shows_how(
    here: Settings, tmp_path: Path
) -> None:
    script = tmp_path / "reads.json"
    script.write_text('[{"data": {"intent": "refund", "confidence": 0.9, "because": ["money"]}}]')
    none = remit("intents", "reader", "show")
    assert "the local embedding tells what they want" in " ".join(none.stdout.split())
    wrong = remit("intents", "reader", "set", "anthropc:x")
    assert wrong.exit_code == 2
    assert "anthropc" in wrong.stderr
    for name, text in (("refund", "I want my money back"), ("parcel", "where is my parcel")):
        assert remit("intents", "teach", name, text).exit_code == 0
    model = f"scripted:{script}"
    made = json.loads(remit("intents", "reader", "set", model, "--daily", "20", "--json").stdout)
    assert (made["model"], made["daily"]) == (model, 20)
    tried = json.loads(remit("intents", "of", "give me my money", "--json").stdout)
    assert (tried["intent"], tried["because"], tried["probability"]) == ("refund", ["money"], 0.5)
    shown = json.loads(remit("intents", "reader", "show", "--json").stdout)
    assert (shown["reader"]["daily"], shown["waiting"], shown["skill"]) == (20, 0, None)
    assert "up to 20 messages a day" in " ".join(remit("intents", "reader", "show").stdout.split())
    assert json.loads(remit("intents", "reader", "retry", "--json").stdout) == {"messages": 0}
    assert remit("intents", "reader", "off").exit_code == 0
    again = remit("intents", "reader", "off")
    assert again.exit_code == 2
    assert "no model reads messages" in again.stderr
