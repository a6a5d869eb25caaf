"""`remit secrets`, and that a value which a server echoes is nowhere: not in the database, a file, or what is printed."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from typer.testing import CliRunner

from remit.agents.load import parse_agent
from remit.cli.main import command
from remit.errors import SpecError
from remit.settings import Settings
from tests.cli.typed import DONE, data, remit, script
from tests.tools.test_http import Answer, reply, serving

CANARY = "canary/0815+zz=7Q"
FORMS = (
    CANARY,
    base64.b64encode(CANARY.encode()).decode()[:-4],
    base64.b64encode(f"u:{CANARY}".encode()).decode()[3:-4],
    CANARY.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D"),
    CANARY.encode().hex(),
)


def keep(name: str, value: str, *more: str) -> Any:
    return CliRunner().invoke(command("secrets"), ["set", name, *more], input=value)


def everything(settings: Settings) -> str:
    """Each row of each table, and each file of the data folder but the database's own."""
    assert settings.database_url
    found: list[str] = []
    with psycopg.connect(settings.database_url) as connection:
        tables = connection.execute(
            "select quote_ident(table_schema) || '.' || quote_ident(table_name) from information_schema.tables"
            " where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert len(tables) > 10
        for (table,) in tables:
            rows = connection.execute(f"select t::text from {table} t").fetchall()  # type: ignore[arg-type]
            found += [row[0] for row in rows]
            for row in rows:  # what a bytea holds is shown in hexadecimal
                for word in row[0].replace('"', "").replace("\\\\x", "\\x").split("\\x")[1:]:
                    digits = word.split(",")[0].split(")")[0]
                    found.append(bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("utf-8", "replace"))
    for path in settings.data_dir.rglob("*"):
        if path.is_file():
            found.append(path.read_bytes().decode("utf-8", "replace"))
    return "\n".join(found)


@contextmanager
def served(answer: Answer) -> Iterator[int]:
    """A real server in a thread of its own, so that commands run as they do for people; its port."""
    with asyncio.Runner() as runner, ThreadPoolExecutor(1) as thread:
        loop, held = runner.get_loop(), AsyncExitStack()
        serve = thread.submit(loop.run_forever)
        port = asyncio.run_coroutine_threadsafe(held.enter_async_context(serving(answer)), loop).result()
        try:
            yield port
        finally:
            asyncio.run_coroutine_threadsafe(held.aclose(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            serve.result()


def test_a_secret_is_set_from_what_is_piped_in_listed_without_value_and_removed(here: Settings) -> None:
    done = keep("CRM_KEY", CANARY + "\n")
    assert done.exit_code == 0, done.output
    assert "secret:CRM_KEY" in done.output
    listed = remit("secrets", "list")
    assert "CRM_KEY" in listed.output
    assert "olga" in listed.output
    assert data("secrets", "list")[0]["readable"] is True
    assert CANARY not in done.output + listed.output + json.dumps(data("secrets", "list"))
    assert remit("secrets", "rm", "CRM_KY").exit_code == 2
    assert "Did you mean 'CRM_KEY'" in remit("secrets", "rm", "CRM_KY").stderr
    assert remit("secrets", "rm", "CRM_KEY").exit_code == 0
    assert data("secrets", "list") == []


def test_nothing_piped_in_and_a_value_as_an_argument_are_refused(here: Settings) -> None:
    assert keep("CRM_KEY", "").exit_code == 2
    assert keep("CRM_KEY", "x", CANARY).exit_code == 2
    assert data("secrets", "list") == []


def test_a_run_whose_secret_nobody_has_set_does_not_begin(here: Settings, tmp_path: Path) -> None:
    agent = tmp_path / "crm.yaml"
    agent.write_text(
        yaml.safe_dump({"name": "crm", "tools": ["sql"], "resources": {"shop": "secret:SHOP_DB"}})
    )
    done = remit("run", "look", "--agent", str(agent), "--model", script(tmp_path, DONE))
    assert done.exit_code == 2
    assert "remit secrets set SHOP_DB" in done.stderr
    assert data("runs") == []


@pytest.mark.parametrize(
    "part",
    [
        {"resources": {"shop": "postgresql://me:hunter2@db.example/shop"}},
        {"connections": {"crm": {"http": "https://crm.example", "headers": {"Authorization": "Bearer abc"}}}},
        {"connections": {"crm": {"http": "https://crm.example", "headers": {"X-API-Key": "abc"}}}},
    ],
)
def test_a_secret_that_stands_in_the_spec_itself_is_refused_with_the_line(part: dict[str, Any]) -> None:
    text = yaml.safe_dump({"name": "crm", **part}, sort_keys=False)
    with pytest.raises(SpecError, match=r"remit secrets set") as error:
        parse_agent(text, "crm.yaml")
    assert error.value.line
    assert error.value.line > 1
    assert "hunter2" not in str(error.value)


async def echo(line: str, headers: dict[str, str], body: bytes, writer: Any) -> None:
    """Says the key again in a header, in the body and in a redirect that leads nowhere."""
    key = headers.get("x-key", "none")
    said = {
        "plain": key, "basic": base64.b64encode(f"u:{key}".encode()).decode(), "hex": key.encode().hex(),
        "b64": base64.b64encode(key.encode()).decode(), "text": "x" * 30_000 + key + "y" * 30_000,
    }  # fmt: skip
    if "/gone" in line:
        writer.write(
            reply(b"", status="302 Found", location=f"http://{key}.invalid/{key}?q={key}", x_said=key)
        )
    elif "/bad" in line:
        writer.write(reply(f"no: {key}".encode(), status="401 Unauthorized", www_authenticate=key))
    elif "/file" in line:
        writer.write(reply(b"\0" + key.encode(), "application/octet-stream"))
    elif "/broken" in line:
        writer.write(f"HTTP/1.1 {key} {key}\r\n\r\n".encode())
    else:
        writer.write(reply(json.dumps(said).encode(), "application/json", x_said=key))


def test_a_secret_that_a_server_echoes_is_in_no_table_no_file_and_nothing_printed(
    here: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keep("CRM_KEY", CANARY)

    with served(echo) as port:
        site = f"http://127.0.0.1:{port}"
        agent = {
            "name": "crm",
            "tools": ["http"],
            "reflect": False,
            "remit": {"autonomy": "act", "destinations": [f"127.0.0.1:{port}"]},
            "rules": [{"tool": "http_*", "allow": "true"}],
            "connections": {"crm": {"http": site, "headers": {"X-Key": "secret:CRM_KEY"}}},
        }
        file = tmp_path / "crm.yaml"
        file.write_text(yaml.safe_dump(agent))
        gets = [
            {"tool": "http_get", "args": {"url": f"{site}/{path}"}}
            for path in ("me", "bad", "file", "gone", "broken")
        ]
        posts = {"tool": "http_request", "args": {"method": "POST", "url": f"{site}/me", "body": "hi"}}
        done = remit("run", "look", "--agent", str(file), "--model", script(tmp_path, gets, posts, DONE))
    printed = done.output
    shown = data("show", "last")
    printed += json.dumps(shown) + remit("show", "last").output + remit("effects").output
    for call in ("1.1", "1.2", "1.4", "2.1"):
        printed += remit("why", "last", call).output
    printed += caplog.text
    assert "[secret CRM_KEY]" in printed
    there = everything(here)
    assert "[secret CRM_KEY]" in there
    assert "secret:CRM_KEY" in there
    for form in FORMS:
        assert form not in printed
        assert form not in there


def test_the_search_for_it_would_find_it(here: Settings, tmp_path: Path) -> None:
    """The same dump, where a tool's result does hold the words: it is found in the journal and in a file."""
    agent = {"name": "crm", "tools": ["files"], "reflect": False, "remit": {"autonomy": "act"}}
    file = tmp_path / "crm.yaml"
    file.write_text(yaml.safe_dump(agent))
    write = {"tool": "files_write", "args": {"path": "a.txt", "text": CANARY}}
    remit("run", "write", "--agent", str(file), "--model", script(tmp_path, write, DONE))
    assert everything(here).count(CANARY) >= 2
