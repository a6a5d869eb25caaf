"""The ledger of effects, and taking one back, from the command line."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from remit import settings as settings_module
from remit.app import open_app
from remit.cli.main import command
from remit.journal.events import Answered, Call, Intended, Judged
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import ANN, call, finish
from tests.agents.test_waiting import shop


@pytest.fixture
def here(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The commands work on the test's own database."""
    monkeypatch.setattr(settings_module, "load", lambda: settings)
    world.reset()
    return settings


def remit(name: str, *args: str) -> Result:
    return CliRunner().invoke(command(name), list(args))


def do(settings: Settings, *script: Any, doubtful: bool = False) -> str:
    """A finished run, or one whose only effect is in doubt."""

    async def work() -> str:
        async with open_app(settings) as app:
            model = ScriptedModel([*script, finish()], by_turn=True)
            run = await app.start(shop(), "refund it", person=ANN, model=model)
            if doubtful:
                answered = Answered(model="m", calls=[Call(id="1.1", tool="post", args={"text": "x"})])
                judged = Judged(call_id="1.1", tool="post", effect="destroy", decision="allow", rule="r")
                await app.journal.append(
                    run, 1, [answered, judged, Intended(call_id="1.1", key=f"{run}:1.1")]
                )
            else:
                await app.advance(run)
            return str(run)

    return asyncio.run(work())


def test_the_ledger_lists_what_was_done_once_with_its_key(here: Settings) -> None:
    run = do(here, call("refund", amount=5))
    (row,) = json.loads(remit("effects", "--json").stdout)
    assert (row["run"], row["call"], row["tool"], row["outcome"], row["attempts"]) == (
        run,
        "1.1",
        "refund",
        "ok",
        1,
    )
    assert row["key"] == world.done[0][1]
    assert json.loads(remit("effects", "--doubtful", "--json").stdout) == []
    assert "refund" in remit("effects", run[:8]).stdout


def test_what_is_in_doubt_is_listed_and_marked(here: Settings) -> None:
    do(here, call("refund", amount=5))
    run = do(here, doubtful=True)
    (row,) = json.loads(remit("effects", "--doubtful", "--json").stdout)
    assert (row["run"], row["outcome"], row["key"]) == (run, "in doubt", f"{run}:1.1")
    assert "in doubt" in remit("show", run).stdout


def test_an_effect_is_taken_back_once(here: Settings) -> None:
    run = do(here, call("refund", amount=5))
    assert "1.1 is undone" in remit("undo", run, "1.1").stdout
    again = remit("undo", run, "1.1")
    assert again.exit_code == 2
    outcomes = {row["call"]: row["outcome"] for row in json.loads(remit("effects", run, "--json").stdout)}
    assert outcomes == {"1.1": "undone", "undo:1.1": "ok"}
    assert [what for what, _ in world.done] == ["refund 5", "took back 5 of refund number 7 of 5"]
