"""Commands as they are typed, in this process, on the test's own database; models and agents by file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner, Result

from remit.cli.main import command

Json = Any
SENDING: Json = {"tool": "send", "args": {"to": "a@b.example", "text": "hi"}}
DONE: Json = {"tool": "finish", "args": {"report": "It is done.", "outcome": "done"}}
CANNOT: Json = {"tool": "finish", "args": {"report": "I may not.", "outcome": "cannot"}}


def remit(name: str, *args: str, input: str | None = None) -> Result:
    return CliRunner().invoke(command(name), list(args), input=input)


def data(name: str, *args: str) -> Json:
    """What a command prints with --json."""
    result = remit(name, *args, "--json")
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


def script(folder: Path, *turns: Json) -> str:
    """The name of a model that makes these calls, turn by turn: a call, or a list of them."""
    answers = [{"calls": turn if isinstance(turn, list) else [turn]} for turn in turns]
    path = folder / "script.json"
    path.write_text(json.dumps({"by": "turn", "answers": answers}))
    return f"scripted:{path}"


def spec(folder: Path, **changes: Json) -> str:
    """An agent's file: a shop's agent that asks before it sends."""
    agent = {
        "name": "shop",
        "tools": ["tests.agents.world", "tests.agents.test_waiting"],
        "reflect": False,
        "remit": {"autonomy": "act", "budget": {"steps": 12}},
        "rules": [
            {"tool": "send", "ask": "true", "because": "what leaves is asked"},
            {"tool": "charge", "allow": "args.amount <= 50", "because": "at most fifty dollars"},
            {"tool": ["cancel", "post", "refund", "ship"], "allow": "true"},
        ],
    }
    path = folder / "agent.yaml"
    path.write_text(yaml.safe_dump({**agent, **changes}, sort_keys=False))
    return str(path)


def work(folder: Path, *turns: Json, goal: str = "see to it", **changes: Json) -> Json:
    """`remit run` of a scripted agent: its end as JSON."""
    return data("run", goal, "--agent", spec(folder, **changes), "--model", script(folder, *turns))
