"""What of people may be used for which purposes, over the API."""

from __future__ import annotations

from typing import Any

import pytest

from remit.access.audit import entries
from remit.app import App
from tests.api.conftest import Client

Json = Any
LIMIT: Json = {"purposes": ["fraud", "service"], "because": "taken for claims"}


async def test_a_limit_is_set_changed_listed_and_removed(app: App, client: Client) -> None:
    api = await client("settings:read", "settings:write")
    made = (await api.put("/purposes/about.health", json=LIMIT)).json()
    assert {key: made[key] for key in ("field", *LIMIT)} == {"field": "about.health", **LIMIT}
    await api.put("/purposes/about.health", json={**LIMIT, "purposes": ["service"]})
    await api.put("/purposes/relation.household", json=LIMIT)
    listed = (await api.get("/purposes")).json()["limits"]
    assert [(one["field"], one["purposes"]) for one in listed] == [
        ("about.health", ["service"]),
        ("relation.household", ["fraud", "service"]),
    ]
    assert (await api.delete("/purposes/about.health")).status_code == 204
    assert (await api.delete("/purposes/about.health")).status_code == 404
    assert [one.what for one in await entries(app.store, what="purpose")] == [
        "purpose.removed",
        *["purpose.set"] * 3,
    ]


@pytest.mark.parametrize(
    ("field", "more", "pointer"),
    [
        ("health", {}, "/field"),
        ("nothing.health", {}, "/field"),
        ("about.health", {"purposes": ["For Us"]}, "/purposes"),
        ("about.health", {"purposes": []}, "/purposes"),
        ("about.health", {"because": " "}, "/because"),
    ],
)
async def test_what_is_wrong_with_a_limit_is_told_with_its_place(
    client: Client, field: str, more: Json, pointer: str
) -> None:
    api = await client("settings:read", "settings:write")
    answer = await api.put(f"/purposes/{field}", json={**LIMIT, **more})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await api.get("/purposes")).json() == {"limits": []}
