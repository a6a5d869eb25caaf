"""Contacts over the API: rules, who may be reached, who is left alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from remit.app import App
from remit.decisions.contacts import Wanted, reserve
from tests.api.conftest import Client
from tests.graph.conftest import row, taken

Json = Any
CAPS: Json = {"caps": [{"name": "week", "count": 1, "days": 7}]}


async def test_rules_are_set_by_who_may_and_hold_for_the_next_contact(app: App, client: Client) -> None:
    await taken(app.store, row("e1", email="ann@x.example"))
    api, boss = await client("persons:read"), await client("persons:read", "settings:write")
    assert (await api.get("/contacts/rules")).json()["version"] == 0
    assert (await api.put("/contacts/rules", json={"rules": CAPS})).status_code == 403
    made = (await boss.put("/contacts/rules", json={"rules": CAPS, "note": "too many", "base": 0})).json()
    assert (made["version"], made["note"], made["rules"]["caps"][0]["count"]) == (1, "too many", 1)
    assert (await boss.put("/contacts/rules", json={"rules": {}, "base": 0})).status_code == 409
    wrong = await boss.put(
        "/contacts/rules", json={"rules": {"caps": [{"name": "week", "count": -1, "days": 7}]}}
    )
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/rules/caps/0/count")
    person = (await api.get("/contacts/people/ann@x.example")).json()
    assert {one["purpose"]: len(one["against"]) for one in person["ways"]} == {
        "service": 0,
        "marketing": 1,
        "reply": 0,
    }
    assert (
        await reserve(
            app.store, [Wanted(("email", "ann@x.example"), "email", "service", "desk")], datetime.now(UTC)
        )
        == []
    )
    person = (await api.get("/contacts/people/ann@x.example")).json()
    against = next(one["against"] for one in person["ways"] if one["purpose"] == "service")
    assert [one["rule"] for one in against] == ["cap week"]
    assert [(one["to"], one["state"]) for one in (await api.get("/contacts")).json()["contacts"]] == [
        ("email:ann@x.example", "reserved")
    ]
    assert (await api.get("/contacts/people/bo@x.example")).status_code == 404


async def test_somebody_is_left_alone_and_reached_again(app: App, client: Client) -> None:
    await taken(app.store, row("e1", email="ann@x.example"))
    api = await client("persons:read", "persons:write")
    new = {"who": "ann@x.example", "because": "a lawsuit"}
    made = (await api.post("/contacts/suppressions", json=new)).json()
    assert (made["who"], made["until"]) == ("email:ann@x.example", None)
    assert [one["id"] for one in (await api.get("/contacts/suppressions")).json()["suppressions"]] == [
        made["id"]
    ]
    for wrong in ({"who": "bo@x.example"}, {"until": "2020-01-01T00:00:00Z"}, {"channel": "E Mail"}):
        assert (await api.post("/contacts/suppressions", json=new | wrong)).status_code == 422
    assert (await api.delete(f"/contacts/suppressions/{made['id']}")).status_code == 204
    assert (await api.delete(f"/contacts/suppressions/{made['id']}")).status_code == 404
