"""docs/airlock.md as a newcomer follows it: its files are written, its commands typed, and what it shows is what comes."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from pathlib import Path

import pytest

from remit.app import open_app
from remit.cli import common
from remit.models.model import Unopened
from remit.settings import Settings
from tests.cli.test_policy_page import plain
from tests.cli.typed import remit

PAGE = (Path(__file__).parents[2] / "docs/airlock.md").read_text()
FILES = ("inbox.py", "inbox.yaml", "reader.json", "planner.json")  # in its order


def blocks(*kinds: str) -> list[str]:
    return re.findall(rf"^```(?:{'|'.join(kinds)})\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


async def told(settings: Settings) -> list[str]:
    """What the model is shown of the results of the newest run."""
    async with open_app(settings) as app:
        run = await app.find("last")
        live = await app.live_from(run, await app.journal.read(run), model=Unopened())
        return [message.text for message in live.transcript.messages if message.role == "tool"]


def test_what_the_page_shows_is_what_its_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: Settings
) -> None:
    _, *shown = blocks("python", "yaml", "json")
    for name, text in zip(FILES, shown, strict=True):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "inbox", raising=False)
    monkeypatch.setattr(common.console, "width", 100)
    person, _, *words = shlex.split("".join(blocks("sh")))
    monkeypatch.setenv("REMIT_USER", person.removeprefix("REMIT_USER="))
    assert remit(*words).exit_code == 0
    (transcript,) = blocks("console")
    typed, _, output = transcript.partition("\n")
    assert plain(remit(*shlex.split(typed)[2:]).stdout) == plain(output)
    assert asyncio.run(told(here))[0] == "".join(blocks("text")).strip()
    monkeypatch.delitem(sys.modules, "inbox")
