"""The conversation graph over the API."""

from __future__ import annotations

from remit.app import App
from tests.api.conftest import Client
from tests.graph.conftest import row


async def test_what_happened_comes_in_once_and_a_person_is_looked_at(client: Client) -> None:
    ann = await client("persons:read", "persons:write")
    rows = [
        row("e1", 3, email="ann@x.example", phone="+49 170 1234567", name="Ann Lee"),
        row("e2", 2, email="ann@x.example", kind="purchase", value="12.50", currency="EUR"),
        row("e3", at="yesterday", email="bo@x.example"),
    ]
    sent = {"interactions": rows, "source": "shop", "verified": ["email", "phone"]}
    done = (await ann.post("/interactions", json=sent)).json()
    assert (done["new"], done["known"]) == (2, 0)
    assert [(one["row"], one["field"]) for one in done["set_aside"]] == [(2, "at")]
    assert (await ann.post("/interactions", json=sent)).json()["known"] == 2
    person = (await ann.get("/people/+491701234567")).json()
    assert person == (await ann.get(f"/people/{person['id']}")).json() | {"state": person["state"]}
    assert (person["name"], len(person["profiles"]), person["links"][0]["how"]) == ("Ann Lee", 2, "verified")
    assert person["state"]["spent"] == {"EUR": "12.5000"}
    (last,) = (await ann.get("/people/ann@x.example/interactions?limit=1")).json()["interactions"]
    assert (last["event"], last["value"]) == ("e2", "12.5000")
    assert [one["called"] for one in (await ann.get("/people?text=ann")).json()["people"]] == ["Ann Lee"]
    answer = await ann.get("/people/bo@x.example")
    assert (answer.status_code, "nobody is known" in answer.json()["detail"]) == (404, True)


async def test_a_row_that_was_set_aside_is_mended_or_let_go(client: Client) -> None:
    ann = await client("persons:write", "persons:read")
    await ann.post(
        "/interactions", json={"interactions": [row("e1"), row("e2", email="none")], "source": "x"}
    )
    first, second = (await ann.get("/interactions/rejected")).json()["rejected"]
    still = await ann.put(f"/interactions/rejected/{first['id']}", json={"row": row("e1")})
    assert (still.status_code, "names nobody" in still.text) == (422, True)
    mended = {"row": row("e1", email="bo@x.example")}
    assert (await ann.put(f"/interactions/rejected/{first['id']}", json=mended)).status_code == 204
    assert (await ann.delete(f"/interactions/rejected/{second['id']}")).status_code == 204
    assert (await ann.delete(f"/interactions/rejected/{second['id']}")).status_code == 404
    assert (await ann.get("/interactions/rejected")).json() == {"rejected": []}
    assert (await ann.get("/people/bo@x.example")).status_code == 200


async def test_who_may_be_one_person_is_asked_said_and_taken_back(client: Client) -> None:
    ann = await client("persons:write", "persons:read")
    rows = [row("e1", 2, crm="1", email="a@x.example"), row("e2", crm="2", email="a@x.example")]
    await ann.post("/interactions", json={"interactions": rows, "source": "x", "verified": ["email"]})
    (asked,) = (await ann.get("/people/doubtful")).json()["doubtful"]
    assert {asked["called_a"], asked["called_b"]} == {"crm:1", "crm:2"}
    one = (await ann.post("/people/same", json={"a": "crm:1", "b": "crm:2"})).json()
    assert len(one["profiles"]) == 3
    assert (await ann.get("/people/doubtful")).json() == {"doubtful": []}
    (word,) = [link for link in one["links"] if link["how"] == "same"]
    assert (word["by"], word["held"]) == ("ann", "")
    assert (await ann.post(f"/people/links/{word['id']}/withdraw")).status_code == 204
    assert (await ann.post(f"/people/links/{word['id']}/withdraw")).status_code == 404
    assert len((await ann.get("/people/crm:1")).json()["profiles"]) == 1
    assert (await ann.post(f"/people/links/{word['id']}/restore")).status_code == 204
    parted = (await ann.post("/people/apart", json={"a": "crm:1", "b": "crm:2"})).json()
    assert [one["kind"] for one in parted["profiles"]] == ["crm"]
    assert (await ann.post("/people/same", json={"a": "crm:1", "b": "crm:1"})).status_code == 422
    assert (await ann.post("/people/same", json={"a": "crm:1", "b": "crm:9"})).status_code == 404


async def test_a_token_for_single_agents_meets_nobody(app: App, client: Client) -> None:
    viewer = await client("runs:read")
    assert (await viewer.get("/people")).status_code == 403
