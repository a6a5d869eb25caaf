"""Knowledge over HTTP: sources and documents are made, changed, read, found and removed, by who has the scope."""

from __future__ import annotations

import base64

import pytest

from remit.access.audit import entries
from remit.app import App
from tests.api.conftest import Client
from tests.knowledge.conftest import RETURNS
from tests.knowledge.test_text import pdf


async def test_a_source_is_made_filled_read_searched_and_removed(app: App, client: Client) -> None:
    ann = await client("agents:read", "knowledge:write")
    made = await ann.post("/knowledge", json={"name": "handbook", "title": "Our handbook", "vouched": True})
    assert (made.status_code, made.json()["vouched_by"]) == (201, "ann")
    kept = await ann.put("/knowledge/handbook/documents?document=a/returns.md", json={"content": RETURNS})
    assert (kept.status_code, kept.json()["title"]) == (200, "Returns policy")
    scan = {"content": base64.b64encode(pdf("Notice is three months")).decode(), "base64": True}
    assert (
        await ann.put("/knowledge/handbook/documents?document=contract.pdf", json=scan)
    ).status_code == 200
    listed = (await ann.get("/knowledge/handbook/documents?limit=1")).json()["documents"]
    assert [one["name"] for one in listed] == ["a/returns.md"]
    found = (await ann.get("/knowledge/handbook/search", params={"question": "worn shoes"})).json()[
        "passages"
    ]
    assert found[0]["heading"] == "Returns policy › Exceptions"
    text = (await ann.get("/knowledge/handbook/text?document=a/returns.md")).json()
    assert (text["text"], text["next"]) == (RETURNS, None)
    changed = (
        await ann.put("/knowledge/handbook", json={"title": "Anew", "confidentiality": "secret"})
    ).json()
    assert (changed["title"], changed["vouched_by"], changed["documents"]) == ("Anew", None, 2)
    assert (await ann.delete("/knowledge/handbook/documents?document=contract.pdf")).status_code == 204
    assert (await ann.get("/knowledge")).json()["sources"][0]["documents"] == 1
    assert (await ann.delete("/knowledge/handbook")).status_code == 204
    assert {one.who for one in await entries(app.store, what="knowledge")} == {"ann"}


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("a.exe", {"content": "x"}, "/content"),
        ("../a.md", {"content": "x"}, "/document"),
        ("a.md", {"content": " "}, "/content"),
        ("a.pdf", {"content": "no base64!", "base64": True}, "/content"),
        ("a.pdf", {"content": "eA==", "base64": True}, "/content"),
    ],
)
async def test_what_is_no_document_is_told_with_its_place(
    client: Client, name: str, body: dict[str, object], pointer: str
) -> None:
    ann = await client("agents:read", "knowledge:write")
    await ann.post("/knowledge", json={"name": "handbook"})
    answer = await ann.put("/knowledge/handbook/documents", params={"document": name}, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_what_is_secret_is_read_by_who_keeps_it_and_nobody_else(client: Client) -> None:
    ann = await client("agents:read", "knowledge:write")
    await ann.post("/knowledge", json={"name": "keys", "confidentiality": "secret"})
    await ann.put("/knowledge/keys/documents?document=a.md", json={"content": "swordfish"})
    bo = await client("agents:read")
    for path in ("text?document=a.md", "search?question=swordfish"):
        answer = await bo.get(f"/knowledge/keys/{path}")
        assert (answer.status_code, "swordfish" in answer.text) == (403, False)
        assert "swordfish" in (await ann.get(f"/knowledge/keys/{path}")).text
    assert (await bo.put("/knowledge/keys", json={"confidentiality": "public"})).status_code == 403


async def test_a_name_that_is_taken_or_of_nothing_is_told(client: Client) -> None:
    ann = await client("agents:read", "knowledge:write")
    await ann.post("/knowledge", json={"name": "handbook"})
    twice = await ann.post("/knowledge", json={"name": "handbook"})
    assert (twice.status_code, twice.json()["errors"][0]["pointer"]) == (422, "/name")
    gone = await ann.delete("/knowledge/handbook/documents?document=none.md")
    assert gone.status_code == 404
    assert (await ann.get("/knowledge/handbok/documents")).status_code == 404
