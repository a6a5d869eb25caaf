"""docs/api.md: what it shows runs as it stands, against a server with a worker."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path

import pytest

from remit.access.roles import RIGHTS
from remit.api.tokens import add_token
from remit.app import App
from remit.cli.serve import at_work
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import finish
from tests.api.test_contract import serving, three

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text()


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="the page uses curl and jq")
async def test_what_the_page_shows_runs_as_it_stands(app: App) -> None:
    await three(app)
    app.models["auto"] = ScriptedModel([finish("July sold most.")], by_turn=True)
    _, secret = await add_token(
        app.store, "crm", "ann", ["runs:read", "runs:write", "approvals:write", "agents:write"], None
    )
    script = "shopt -s expand_aliases\nset -euo pipefail\n" + "\n".join(
        re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL)
    )
    stop = asyncio.Event()
    working = asyncio.create_task(at_work(app, 2, "test", stop=stop))
    try:
        async with serving(app) as base_url:
            environment = {**os.environ, "REMIT_URL": base_url.removesuffix("/api/v1"), "REMIT_TOKEN": secret}
            done = await asyncio.create_subprocess_exec(
                "bash", "-c", script, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )  # fmt: skip
            out, err = (text.decode() for text in await done.communicate())
    finally:
        stop.set()
        await working
    assert done.returncode == 0, (out, err)
    assert "event: started" in out
    assert "event: finished" in out
    assert "July sold most." in out
    assert '"tool": "send"' in out
    assert out.strip().endswith(
        ('"running"', '"not met"', '"cannot verify"', '"failed"', '"met"', '"waiting"')
    )
    assert [what for what, _ in world.done] == ["send x@y.example"]


def test_the_page_names_every_scope() -> None:
    assert re.findall(r"^\| `([a-z:]+)` \|", PAGE, flags=re.MULTILINE) == list(RIGHTS)
