"""`remit mcp serve`: a client starts Remit itself, and talks to it over its standard input and output."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from mcp import Client, StdioServerParameters
from remit.cli.mcp import scope_of
from remit.errors import UnknownName
from remit.settings import Settings
from tests.cli.typed import remit

CODE = "from remit.cli.main import main; main()"


def started(settings: Settings, folder: Path, *words: str) -> StdioServerParameters:
    says = folder / "says.json"
    finish = {"calls": [{"tool": "finish", "args": {"report": "July sold most.", "outcome": "done"}}]}
    says.write_text(json.dumps({"answers": [finish, finish], "by": "turn"}))
    environment = {
        "REMIT_DATABASE_URL": str(settings.database_url),
        "REMIT_DATA_DIR": str(settings.data_dir),
        "REMIT_MODEL": f"scripted:{says}",
        "REMIT_USER": "ann",
        "PYTHONPATH": ":".join(sys.path),
    }
    return StdioServerParameters(command=sys.executable, args=["-c", CODE, *words], env=environment)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_an_agent_is_called_by_a_client_that_started_remit(
    settings: Settings, tmp_path: Path, mode: Any
) -> None:
    async with Client(started(settings, tmp_path, "mcp", "serve"), mode=mode) as ann:
        assert "assistant" in {tool.name for tool in (await ann.list_tools()).tools}
        result = await ann.call_tool("assistant", {"goal": "Which month sold most?"})
        assert result.structured_content["report"] == "July sold most."
        page = await ann.read_resource(f"remit://runs/{result.structured_content['run']}")
        assert "Which month sold most?" in page.contents[0].text


async def test_it_may_do_no_more_than_it_was_started_for(settings: Settings, tmp_path: Path) -> None:
    words = ("mcp", "serve", "--scope", "runs:read", "--concurrency", "0")
    async with Client(started(settings, tmp_path, *words)) as ann:
        assert [tool.name for tool in (await ann.list_tools()).tools] == ["follow_run"]
        with pytest.raises(MCPError, match="needs the scope runs:write"):
            await ann.call_tool("assistant", {"goal": "x"})


def test_the_configuration_starts_it() -> None:
    told = json.loads(remit("mcp", "config", "--json", "--scope", "runs:read").stdout)
    assert told["mcpServers"]["remit"]["args"][-4:] == ["mcp", "serve", "--scope", "runs:read"]
    assert "claude mcp add remit" in remit("mcp", "config").stdout


def test_a_scope_that_there_is_not_is_met_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="runs:read"):
        scope_of(["runs:reed"])
    assert "Did you mean 'runs:read'?" in remit("mcp", "config", "--scope", "runs:reed").stderr
