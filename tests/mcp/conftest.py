from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.agents.conftest import app  # noqa: F401
from tests.cli.conftest import here  # noqa: F401

SERVER = str(Path(__file__).parent / "server.py")
DECLARE: Any = {
    "find_customer": {
        "effect": "read",
        "sinks": {"email": "email"},
        "integrity": {"email": "system", "name": "system"},
    },
    "close_account": {"settle": "key", "key": "request_id", "sinks": {"customer": "id:customer"}},
    **{
        name: {"effect": "read"}
        for name in ("refuse", "crash", "pour", "garble", "picture", "environment", "reword", "echo")
    },
    "hang": {"effect": "read", "timeout": 2},
}


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    (tmp_path / "of the server").mkdir()
    return tmp_path / "of the server" / "ledger"


@pytest.fixture
def desk(tmp_path: Path, ledger: Path) -> Callable[..., Path]:
    """The file of an agent whose server is a process; keywords change the connection."""

    def write(tools: list[str] | None = None, **connection: Any) -> Path:
        env = {"LEDGER": str(ledger), **connection.pop("env", {})}
        needs = {"folder": str(ledger.parent)}
        crm = {
            "mcp": f"{sys.executable} {SERVER}",
            "env": env,
            "needs": needs,
            "declare": DECLARE,
            **connection,
        }
        if crm["mcp"].startswith("http"):
            del crm["env"], crm["needs"]
        agent = {
            "name": "desk",
            "tools": tools or ["crm:*"],
            "reflect": False,
            "remit": {"autonomy": "act", "budget": {"steps": 12}},
            "rules": [{"tool": "crm_*", "allow": "true"}],
            "connections": {"crm": crm},
        }
        path = tmp_path / "desk.yaml"
        path.write_text(yaml.safe_dump(agent, sort_keys=False))
        return path

    return write


@pytest.fixture
def site() -> Iterator[str]:
    """The same server on the web."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, SERVER, str(port)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "running on" in line:
                break
        yield f"http://127.0.0.1:{port}/mcp"
        process.kill()
