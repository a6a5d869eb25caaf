"""Segments over the API and by the client."""

from __future__ import annotations

from typing import Any

from remit.app import App
from tests.api.conftest import Client
from tests.graph.conftest import row, taken

Json = Any
LOGINS: Json = {"conditions": [{"what": "did", "kind": "login", "least": 2}]}


async def test_a_segment_is_set_counted_read_and_removed(app: App, client: Client) -> None:
    await taken(app.store, *(row(f"e{n}", n, email=f"p{n % 3}@x.example", kind="login") for n in range(5)))
    api = await client("persons:read", "persons:write")
    assert (await api.post("/segments/count", json={"segment": LOGINS})).json() == {
        "people": 2,
        "whole": 3,
        "off": 0,
    }
    made = (await api.put("/segments/comers", json={"segment": LOGINS, "note": "twice"})).json()
    assert (made["words"], made["people"]) == ("People who have a login at least 2 times", None)
    assert (await api.get("/segments/comers")).json()["people"] == 2
    assert [one["name"] for one in (await api.get("/segments")).json()["segments"]] == ["comers"]
    first = (await api.get("/segments/comers/people?limit=1")).json()["people"]
    rest = (await api.get(f"/segments/comers/people?after={first[0]['id']}")).json()["people"]
    assert [one["called"] for one in first + rest] == ["p0@x.example", "p1@x.example"]
    assert (await api.delete("/segments/comers")).status_code == 204
    assert (await api.get("/segments/comers/people")).status_code == 404


async def test_what_is_wrong_with_a_segment_is_told_with_its_place(client: Client) -> None:
    api = await client("persons:read", "persons:write")
    wrong: Json = {"conditions": [{"what": "did", "kind": "login", "least": "often"}]}
    answer = await api.put("/segments/comers", json={"segment": wrong})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (
        422,
        "/segment/conditions/0/did/least",
    )
    assert (await api.put("/segments/A", json={"segment": LOGINS})).status_code == 422
