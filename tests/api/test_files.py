"""Files that come with a run over HTTP, beside the JSON that begins it."""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from uuid import UUID

import pytest

from remit.api import begin
from remit.api.guard import LARGEST
from remit.app import App
from remit.brought import Limits, folder_of
from remit.journal.events import Started
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
