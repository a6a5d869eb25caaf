"""Playbooks and decisions over the API."""

from __future__ import annotations

from datetime import UTC, datetime

from remit.acting.mind import decide_on
from remit.app import App
from remit.graph.ingest import take
from tests.api.conftest import Client

TEXT = "actions:\n- {name: mail, does: send, channel: email}\nrules: {zone: Europe/Berlin}\nholdout: 0\n"


async def test_a_playbook_is_saved_staged_and_asked_for_what_is_next(app: App, client: Client) -> None:
    rows = [
        {
            "id": f"v{n}",
            "at": datetime.now(UTC).isoformat(),
            "kind": "visit",
            "channel": "web",
            "email": f"p{n}@x.example",
        }
        for n in range(3)
    ]
    await take(app.store, list(enumerate(rows)), "shop")
    api = await client("agents:write", "persons:read", "persons:write")
    made = (await api.post("/playbooks/winback", json={"text": TEXT, "note": "first"})).json()
    assert (made["version"], made["stage"], made["note"]) == (1, "shadow", "first")
    refused = await api.post("/playbooks/winback/versions/1/stage", json={"stage": "ramp", "share": 0.5})
    assert (refused.status_code, "in shadow" in refused.json()["detail"]) == (422, True)
    staged = await api.post(
        "/playbooks/winback/versions/1/stage", json={"stage": "ramp", "share": 0.9, "anyway": "a trial"}
    )
    assert (staged.json()["stage"], staged.json()["share"]) == ("ramp", 0.9)
    (listed,) = (await api.get("/playbooks")).json()["playbooks"]
    assert listed["text"] == TEXT
    (shown,) = (await api.get("/people/p1@x.example/next")).json()["decisions"]
    assert (shown["id"], shown["action"], shown["ruled_out"][0]["rule"]) == (None, "nothing", "consent")
    assert shown["known"]["channel"] == "web"
    (taken,) = (await api.post("/people/p1@x.example/decisions", json={"playbook": "winback"})).json()[
        "decisions"
    ]
    assert (await api.get("/people/p1@x.example/decisions")).json()["decisions"] == [taken]
    found = (await api.get("/playbooks/winback/quality")).json()
    assert (found["stage"], found["candidates"][0]["dr"], found["guardrails"][0]["name"]) == (
        "ramp",
        None,
        "complaints",
    )


async def test_a_round_that_is_begun_over_the_api_is_done_by_workers(app: App, client: Client) -> None:
    rows = [
        {
            "id": "v1",
            "at": datetime.now(UTC).isoformat(),
            "kind": "visit",
            "channel": "web",
            "email": "p1@x.example",
        }
    ]
    await take(app.store, list(enumerate(rows)), "shop")
    api = await client("agents:write", "persons:read", "persons:write")
    await api.post("/playbooks/winback", json={"text": TEXT})
    begun = (await api.post("/playbooks/winback/rounds", json={"only": ["channel=web"]})).json()
    assert (begun["people"], begun["done_at"], begun["only"]) == (1, None, ["channel=web"])
    assert await decide_on(app.root.store)
    assert not await decide_on(app.root.store)
    assert len((await api.get("/people/p1@x.example/decisions")).json()["decisions"]) == 1


async def test_what_is_wrong_is_told_where_it_is(app: App, client: Client) -> None:
    api = await client("agents:write", "persons:read", "persons:write")
    wrong = await api.post("/playbooks/winback", json={"text": "actions:\n- {name: mail, does: send}\n"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/text")
    assert "needs a channel" in wrong.json()["detail"]
    for path in (
        "/playbooks/winback",
        "/playbooks/winback/quality",
        "/people/nobody@x.example/next",
        "/people/nobody@x.example/decisions",
    ):
        assert (await api.get(path)).status_code == 404
    assert (await api.post("/playbooks/winback/rounds", json={})).status_code == 404
    await api.post("/playbooks/winback", json={"text": TEXT})
    odd = await api.post("/playbooks/winback/rounds", json={"only": ["height>3"]})
    assert (odd.status_code, odd.json()["errors"][0]["pointer"]) == (422, "/only")
    assert (await api.get("/playbooks/winback/quality?version=9")).status_code == 404
