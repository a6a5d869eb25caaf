"""Files of runs over HTTP: they come beside the JSON that begins a run, and are listed and read back."""

from __future__ import annotations

import os
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import pytest

from remit.agents.spec import Agent
from remit.api import begin
from remit.api.guard import LARGEST
from remit.app import App
from remit.brought import Limits, folder_of
from remit.journal.events import Started
from remit.run_files import open_file
from remit.testing import ScriptedModel
from tests.agents.test_loop import finish
from tests.api.conftest import Client
from tests.api.test_runs import SPEC


def body(*files: tuple[str, bytes], **more: Any) -> dict[str, Any]:
    attached = [{"name": name, "content": b64encode(held).decode()} for name, held in files]
    return {"agent": SPEC, "goal": "sum it", "files": attached, **more}


@pytest.fixture(autouse=True)
def model(app: App) -> None:
    app.models["scripted:test"] = ScriptedModel([finish()], by_turn=True)


async def test_files_come_with_a_run_and_the_same_key_is_for_the_same_files_only(
    app: App, client: Client
) -> None:
    caller = await client()
    sent, key = body(("sales.csv", b"1,2\n"), ("b.bin", bytes(range(256)))), {"idempotency-key": "k1"}
    answers = [await caller.post("/runs", json=sent, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    (run,) = {answer.json()["id"] for answer in answers}
    root = folder_of(app.settings.data_dir, UUID(run))
    assert {one.name: one.read_bytes() for one in root.iterdir()} == {
        "sales.csv": b"1,2\n",
        "b.bin": bytes(range(256)),
    }
    first = (await app.journal.read(UUID(run)))[0].body
    assert isinstance(first, Started)
    assert [one.name for one in first.files] == ["sales.csv", "b.bin"]
    other = await caller.post("/runs", json=body(("sales.csv", b"1,3\n")), headers=key)
    assert other.status_code == 409
    assert not list((app.settings.data_dir / "runs" / ".arriving").iterdir())


@pytest.mark.parametrize(
    ("files", "pointer", "says"),
    [
        ([{"name": "../x", "content": ""}], "/files", "is a path"),
        ([{"name": "a", "content": ""}, {"name": "A", "content": ""}], "/files", "one name"),
        ([{"name": "a", "content": "no base64!"}], "/files/0/content", "base64"),
        ([{"name": "a"}], "/files/0/content", "required"),
        ([{"name": "a", "content": "eHh4" * 10}], "/files", "too large"),
        ([{"name": str(n), "content": ""} for n in range(21)], "/files", "20"),
    ],
    ids=["path", "twice", "text", "missing", "large", "many"],
)
async def test_what_cannot_be_taken_in_is_said_where_it_stands_and_begins_nothing(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch, files: list[Any], pointer: str, says: str
) -> None:
    monkeypatch.setattr(begin, "OVER_HTTP", Limits(20, 9, 9))
    caller = await client()
    answer = await caller.post("/runs", json={"agent": SPEC, "goal": "go", "files": files})
    assert answer.status_code == 422
    (wrong,) = answer.json()["errors"]
    assert (wrong["pointer"], says in wrong["detail"]) == (pointer, True)
    assert (await caller.get("/runs")).json()["runs"] == []
    assert not [one for one in (app.settings.data_dir / "runs").rglob("*") if one.is_file()]


async def test_only_a_body_that_begins_a_run_may_be_as_large_as_its_files(app: App, client: Client) -> None:
    caller = await client()
    large = body(("a.bin", b"x" * LARGEST))
    assert (await caller.post("/runs", json=large)).status_code == 201
    assert (await caller.post("/webhooks", json=large)).status_code == 413
    looks = await client("runs:read")
    assert (await looks.post("/runs", json=large)).status_code in (403, 413)


async def worked(app: App, caller: httpx.AsyncClient) -> tuple[str, Path]:
    """A run with files that came with it and some that it made, one of which nobody gets."""
    made = await caller.post("/runs", json=body(("sales.csv", b"1,2\n"), ("gone.txt", b"x")))
    run = made.json()["id"]
    root = folder_of(app.settings.data_dir, UUID(run))
    (root / "out").mkdir()
    (root / "out" / "ä <b>.html").write_text("<script>alert(1)</script>")
    (root / "out.txt").write_text("short")
    (root / "link").symlink_to("/etc/passwd")
    (root / "gone.txt").unlink()
    (root / "sales.csv").write_bytes(b"1,2\n3,4\n")
    (root / os.fsdecode(b"\xff.txt")).write_text("x")
    return run, root


async def test_a_runs_files_are_listed_with_what_is_kept_of_those_that_came(app: App, client: Client) -> None:
    caller = await client("runs:read", "runs:write", "agents:write")
    run, _ = await worked(app, caller)
    told = (await caller.get(f"/runs/{run}/files")).json()
    assert told["next"] is None
    assert [(one["name"], one["kind"], one["bytes"], one["here"]) for one in told["files"]] == [
        ("gone.txt", "came", 1, False),
        ("out.txt", "made", 5, True),
        ("out/ä <b>.html", "made", 25, True),
        ("sales.csv", "came", 8, True),
    ]
    assert [one["sha256"] for one in told["files"]] == [
        sha256(b"x").hexdigest(), None, None, sha256(b"1,2\n").hexdigest(),
    ]  # fmt: skip
    seen, after = [], ""
    while after is not None:
        page = (await caller.get(f"/runs/{run}/files", params={"limit": 1, "after": after})).json()
        seen += page["files"]
        after = page["next"]
    assert seen == told["files"]


async def test_a_file_is_read_as_it_is_now_and_always_to_be_saved(app: App, client: Client) -> None:
    caller = await client()
    run, root = await worked(app, caller)
    for name, shown in (("sales.csv", "sales.csv"), ("out/ä <b>.html", "_ _b_.html")):
        answer = await caller.get(f"/runs/{run}/files/{quote(name, safe='')}")
        assert answer.status_code == 200
        assert answer.content == (root / name).read_bytes()
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-length"] == str(len(answer.content))
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{shown}"; ')
    assert (await caller.get(f"/runs/{run}/files/out/ä <b>.html")).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["gone.txt", "none", "link", "out", "%2Fetc%2Fpasswd", "out%2F..%2F..%2F..%2Fx", "..%2Fsecret.key", "a%00b", "%ff.txt", "x" * 300],
)  # fmt: skip
async def test_no_path_leads_out_of_a_runs_folder(app: App, client: Client, path: str) -> None:
    caller = await client()
    run, _ = await worked(app, caller)
    answer = await caller.get(f"/runs/{run}/files/{path}")
    assert (answer.status_code, "root:" in answer.text) == (404, False)
    assert "/files lists those" in answer.json()["detail"]


async def test_who_does_not_see_a_run_has_none_of_its_files(app: App, client: Client) -> None:
    caller = await client()
    theirs = await app.within("acme").start(Agent.model_validate(SPEC), "go", model=ScriptedModel([finish()]))
    root = folder_of(app.settings.data_dir, theirs)
    root.mkdir(parents=True)
    (root / "secret.txt").write_text("theirs")
    for path in ("files", "files/secret.txt"):
        answer = await caller.get(f"/runs/{theirs}/{path}")
        assert (answer.status_code, "theirs" in answer.text) == (404, False)


async def test_a_file_that_grows_while_it_is_read_is_given_as_it_was(app: App, client: Client) -> None:
    run, root = await worked(app, await client())
    opened = await open_file(app.settings.data_dir, UUID(run), "out.txt")
    with (root / "out.txt").open("a") as file:
        file.write(" and more")
    assert b"".join([piece async for piece in opened.pieces()]) == b"short"
