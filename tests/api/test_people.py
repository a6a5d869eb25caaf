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


async def test_an_account_is_found_looked_at_and_people_say_who_belongs_to_it(client: Client) -> None:
    ann = await client("persons:write", "persons:read")
    acme = {"crm": "A1", "name": "ACME"}
    rows = [
        row(
            "e1",
            2,
            email="a@x.example",
            account=acme | {"role": "buyer"},
            relations={"reports_to": "b@x.example"},
        ),
        row("e2", 1, email="b@x.example", kind="purchase", value="9", currency="EUR", account=acme),
    ]
    await ann.post("/interactions", json={"interactions": rows, "source": "x"})
    assert [
        (one["called"], one["people"]) for one in (await ann.get("/accounts?text=acm")).json()["accounts"]
    ] == [("ACME", 2)]
    found = (await ann.get("/accounts/crm:A1")).json()
    assert (found["state"]["people"], found["state"]["spent"]) == (2, {"EUR": "9.0000"})
    assert {one["called"]: one["role"] for one in found["members"]} == {
        "a@x.example": "buyer",
        "b@x.example": "",
    }
    then = (await ann.get("/accounts/crm:A1?at=2020-01-01T00:00:00Z")).json()
    assert (then["state"], then["members"]) == (None, [])
    ties = (await ann.get("/people/a@x.example/ties")).json()
    assert [(one["kind"], one["called"]) for one in ties["relations"]] == [("reports_to", "b@x.example")]
    said = (await ann.post("/people/a@x.example/accounts", json={"account": "crm:A1", "no": True})).json()
    (no,) = [one for one in said["accounts"][0]["statements"] if one["how"] == "no"]
    assert (said["accounts"][0]["belongs"], no["by"]) == (False, "ann")
    assert (await ann.post(f"/accounts/statements/{no['id']}/withdraw")).status_code == 204
    assert (await ann.post(f"/accounts/statements/{no['id']}/withdraw")).status_code == 404
    made = await ann.post("/people/a@x.example/accounts", json={"account": "household:h1", "role": "mother"})
    assert {one["by"] for one in made.json()["accounts"] if one["belongs"]} == {"crm:A1", "household:h1"}
    one = (await ann.post("/accounts/same", json={"a": "crm:A1", "b": "household:h1"})).json()
    assert len(one["names"]) == 2
    related = await ann.post("/people/b@x.example/relations", json={"kind": "mentors", "to": "a@x.example"})
    (word,) = [
        each["statements"][0]["id"] for each in related.json()["relations"] if each["kind"] == "mentors"
    ]
    assert (await ann.post(f"/relations/{word}/withdraw")).status_code == 204
    wrong = await ann.post("/people/b@x.example/relations", json={"kind": "Is Boss", "to": "a@x.example"})
    assert (wrong.status_code, "no kind of relation" in wrong.text) == (422, True)
    assert (await ann.get("/accounts/nothing")).status_code == 404
