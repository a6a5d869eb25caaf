"""A user's mistake never ends in a traceback: any words, with the database away."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from remit import settings as settings_module
from remit.cli.main import COMMANDS
from remit.errors import RemitError
from remit.settings import Settings
from tests.cli.typed import remit

NOWHERE = "postgresql://nobody:hunter2@127.0.0.1:1/none"  # nothing listens there
TALKING = sorted(set(COMMANDS) - {"demo", "worker"})  # a demo fetches a model; a worker is tried as a process
WORDS = st.one_of(
    st.sampled_from(
        ["last", "3f2a", "a1.1", "1.1", "--at", "--json", "--model", "-m", "--agent", "--file", "--limit", "-1",
         "0", "99999999999999999999", "scripted:none.json", "nobody", "./none.yaml", "--status", "met", "--to", "--task",
         "--labels", "a,,b", "--schema", "{}", "[]", "--older-than", "9x", "--doubtful", "--rules", "--", "-", "", "local:x"]
    ),
    st.text(max_size=6).filter(lambda text: "\x00" not in text),
)  # fmt: skip


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No database, an empty folder to stand in, and no model that could be fetched or reached."""
    away = Settings(database_url=NOWHERE, data_dir=tmp_path / "data", model="scripted:none.json")
    monkeypatch.setattr(settings_module, "load", lambda: away)
    monkeypatch.chdir(tmp_path)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@given(name=st.sampled_from(TALKING), words=st.lists(WORDS, max_size=4))
@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_words_end_in_a_message_and_never_in_a_traceback(
    nowhere: None, name: str, words: list[str]
) -> None:
    result = remit(name, *words)
    assert result.exception is None or isinstance(result.exception, SystemExit), (name, words)
    assert result.exit_code in (0, 1, 2)
    assert "Traceback" not in result.output
    if result.exit_code:
        assert result.output.strip()
    assert "hunter2" not in result.output


@pytest.mark.parametrize("name", sorted(set(TALKING) - {"tools", "models", "match", "generate", "doctor"}))
def test_without_its_database_a_command_says_so_in_one_message(nowhere: None, name: str) -> None:
    needed: dict[str, list[str]] = {
        "run": ["go", "--model", "scripted:s.json"], "answer": ["last", "x"], "why": ["last", "1.1"],
        "undo": ["last", "1.1"], "diff": ["last", "last"], "retain": ["--older-than", "90d"],
        "policy": ["explain", "last", "1.1"], "forget": ["1"], "widen": ["last", "send"], "secrets": ["list"],
        "delegate": ["last", "--to", "bo"], "tokens": ["list"], "webhooks": ["list"], "connections": ["list"], "knowledge": ["list"], "graph": ["search"], "segments": ["list"], "contacts": ["list"], "conversations": ["list"], "people": ["list"], "sign-in": ["list"],
        "mcp": ["serve"], "budgets": ["list"], "retention": ["list"], "keys": ["list"], "audit": ["list"], "triggers": ["list"],
        "workspaces": ["list"], "rules": ["list"], "intents": ["list"], "decisions": ["playbooks"], "flows": ["add", "coming-back"],
        "up": ["--no-open", "--port", str(free_port())],
    }  # fmt: skip
    Path("s.json").write_text("[]")
    bare: dict[str, list[str]] = {
        name: [] for name in ("inbox", "runs", "effects", "reviewers", "remembered", "away", "agents")
    }
    result = remit(name, *needed.get(name, bare.get(name, ["last"])))
    assert result.exit_code == 1
    assert "Cannot reach the database at 127.0.0.1:1/none" in result.stderr
    assert "remit doctor" in result.stderr


def test_doctor_without_a_database_still_tells_what_it_can(nowhere: None) -> None:
    result = remit("doctor")
    assert result.exit_code == 1
    assert "python" in result.stdout
    assert "→" in result.stdout


def test_every_error_for_people_has_an_exit_code() -> None:
    def kinds(of: type[RemitError]) -> list[Any]:
        return [of, *(kind for sub in of.__subclasses__() for kind in kinds(sub))]

    assert {kind.exit_code for kind in kinds(RemitError)} <= {1, 2, 7}
