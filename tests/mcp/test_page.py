"""docs/mcp.md as a newcomer follows it: its files are written, its commands typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from remit.cli import common
from tests.cli.typed import data, remit

PAGE = (Path(__file__).parents[2] / "docs/mcp.md").read_text()
FILES = ("crm_server.py", "desk.yaml", "close.json")


def blocks(*kinds: str) -> list[str]:
    return re.findall(rf"^```(?:{'|'.join(kinds)})\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)


@pytest.mark.usefixtures("here")
def test_what_the_page_shows_is_what_its_commands_print(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in zip(FILES, blocks("python", "yaml", "json"), strict=True):
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(common.console, "width", 200)
    monkeypatch.setattr(common.errors, "width", 200)
    shown = [line for block in blocks("console") for line in block.splitlines()]
    while shown:
        words = shlex.split(shown.pop(0).removeprefix("$ "))
        wanted = []
        while shown and not shown[0].startswith("$ "):
            wanted.append(shown.pop(0))
        last = "|" in words
        words = words[: words.index("|")] if last else words
        printed = remit(words[1], *words[2:]).output.strip().splitlines()
        assert (printed[-1:] if last else printed) == wanted
    (starts,) = (line for block in blocks("sh") for line in block.splitlines())
    remit(*shlex.split(starts)[1:])
    effects = {e["args"]["customer"]: e for e in data("show", "last")["effects"]}
    assert effects.keys() == {"C7"}
    assert "the account that the customer was found under" in remit("show", "last").output
