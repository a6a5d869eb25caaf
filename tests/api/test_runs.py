"""Runs by the API: begun once, listed by page, read event by event, steered; and what is wrong said so that it can be mended."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from remit.api import events
from remit.api.tokens import revoke_token
from remit.app import App
from remit.errors import Busy
from remit.journal.events import Started
from remit.journal.journal import Journal
from remit.steering import Steering
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import agent, call, finish
from tests.api.conftest import Client

Json = Any
SEND = call("send", to="x@y.example", text="hi")
SPEC: Json = {
    "name": "shop",
    "tools": ["tests.agents.world"],
    "model": "scripted:test",
    "reflect": False,
    "remit": {"autonomy": "act"},
    "rules": [{"tool": "send", "ask": "true", "because": "what leaves is asked"}],
}


def scripted(app: App, *turns: Any) -> None:
    """The model that SPEC names, as a script."""
    app.models["scripted:test"] = ScriptedModel([*turns], by_turn=True)


async def begun(app: App, ann: httpx.AsyncClient, **more: Json) -> Json:
    scripted(app, SEND, finish("It is sent."))
    answer = await ann.post("/runs", json={"agent": SPEC, "goal": "write to them", **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def jobs(app: App) -> int:
    async with app.store.pool.connection() as connection:
        row = await (await connection.execute("select count(*) from procrastinate_jobs")).fetchone()
    assert row
    return int(row[0])


async def test_a_run_is_begun_handed_to_the_workers_and_read_back(app: App, client: Client) -> None:
    ann = await client()
    made = await begun(app, ann, inputs={"year": 2026}, quoted="buy now")
    assert await jobs(app) == 1
    run = made["id"]
    assert (await ann.get(f"/runs/{run}")).json() == made
    assert made["status"] == "running"
    assert made["person"] == {"id": "ann", "email": "", "name": "ann", "verified": True, "by": ""}
    started = (await app.journal.read(UUID(run)))[0].body
    assert isinstance(started, Started)
    assert (started.goal, started.inputs, started.quoted) == ("write to them", {"year": 2026}, "buy now")


async def test_what_a_run_asks_is_approved_by_the_tokens_owner_and_the_run_ends(
    app: App, client: Client
) -> None:
    ann = await client()
    made = await begun(app, ann)
    await app.advance(UUID(made["id"]))
    (ask,) = (await ann.get(f"/runs/{made['id']}")).json()["asks"]
    assert (ask["tool"], ask["args"]) == ("send", {"to": "x@y.example", "text": "hi"})
    assert (await ann.get("/asks")).json() == {"asks": [ask], "next": None}
    path = f"/runs/{made['id']}/asks/{ask['id']}"
    assert (await ann.get(path)).json() == ask
    wrong = await ann.post(f"{path}/approve", json={"digest": "0" * 64})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (409, "/digest")
    assert world.done == []
    yes = await ann.post(f"{path}/approve", json={"digest": ask["digest"], "note": "fine"})
    assert (yes.status_code, yes.json()["asks"]) == (200, [])
    state = await app.advance(UUID(made["id"]))
    assert state.calls["1.1"].approved_by == "ann"
    assert [what for what, _ in world.done] == ["send x@y.example"]
    again = await ann.post(f"{path}/approve", json={"digest": ask["digest"]})
    assert again.status_code == 409
    assert "waits no more: approve by ann" in again.json()["detail"]
    ended = (await ann.get(f"/runs/{made['id']}")).json()
    assert (ended["report"], ended["asks"]) == ("It is sent.", [])


async def test_a_call_is_approved_as_the_tokens_owner_changes_it_with_every_error_at_its_field(
    app: App, client: Client
) -> None:
    ann = await client()
    made = await begun(app, ann)
    await app.advance(UUID(made["id"]))
    (ask,) = (await ann.get(f"/runs/{made['id']}")).json()["asks"]
    path, yes = f"/runs/{made['id']}/asks/{ask['id']}/approve", {"digest": ask["digest"]}
    wrong = await ann.post(path, json={**yes, "changes": {"text": 7, "a/b": 1}})
    assert (wrong.status_code, wrong.json()["errors"]) == (
        422,
        [
            {"pointer": "/changes/a~1b", "detail": "send has no such argument; it takes to, text"},
            {"pointer": "/changes/text", "detail": "must be text, not 7"},
        ],
    )
    for odd in ('"\\ud800"', "NaN", "[" * 200 + "]" * 200):
        body = f'{{"digest": "{ask["digest"]}", "changes": {{"to": {odd}}}}}'
        sent = await ann.post(path, content=body, headers={"content-type": "application/json"})
        assert sent.status_code in (400, 422), (odd, sent.text)
    hidden = await ann.post(path, json={**yes, "changes": {"to": {"$ref": "0.0"}}})
    assert (hidden.status_code, world.done) == (422, [])
    said = await ann.post(path, json={**yes, "changes": {"to": "bo@y.example", "text": "hi"}})
    assert (said.status_code, said.json()["asks"]) == (200, [])
    await app.advance(UUID(made["id"]))
    assert [what for what, _ in world.done] == ["send bo@y.example"]
    again = await ann.post(path, json=yes)
    assert (again.status_code, "ann has changed the call" in again.json()["detail"]) == (409, True)
    (amended,) = [
        one["body"] for one in (await ann.get(f"/runs/{made['id']}/events")).json()["events"]
        if one["body"]["type"] == "amended"
    ]  # fmt: skip
    assert (amended["by"], amended["args"]) == ("ann", {"to": "bo@y.example"})


async def test_what_waits_is_listed_by_page_the_oldest_first(app: App, client: Client) -> None:
    ann = await client()
    runs = []
    for _ in range(3):
        runs.append((await begun(app, ann))["id"])
        await app.advance(UUID(runs[-1]))
    first = (await ann.get("/asks", params={"limit": 2})).json()
    rest = (await ann.get("/asks", params={"limit": 2, "cursor": first["next"]})).json()
    assert [ask["run"] for ask in (*first["asks"], *rest["asks"])] == runs
    assert rest["next"] is None
    wrong = await ann.get("/asks", params={"cursor": "x"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "?cursor")


async def test_a_yes_that_comes_too_late_is_a_conflict(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def later(steering: Steering) -> datetime:
        return datetime.now(UTC) + timedelta(hours=2)

    ann = await client()
    rules = [{"tool": "send", "ask": "true", "expires": "1h"}]
    made = await begun(app, ann, agent=SPEC | {"rules": rules})
    await app.advance(UUID(made["id"]))
    (ask,) = (await ann.get(f"/runs/{made['id']}")).json()["asks"]
    monkeypatch.setattr(Steering, "now", later)
    late = await ann.post(f"/runs/{made['id']}/asks/{ask['id']}/approve", json={"digest": ask["digest"]})
    assert (late.status_code, "expired" in late.json()["detail"]) == (409, True)
    assert world.done == []


async def test_a_no_goes_to_the_agent_with_its_reason(app: App, client: Client) -> None:
    ann = await client()
    made = await begun(app, ann)
    await app.advance(UUID(made["id"]))
    path = f"/runs/{made['id']}/asks/a1.1"
    assert (await ann.post(f"{path}/answer", json={"text": "yes"})).status_code == 409
    assert (await ann.post(f"{path}/reject", json={"reason": "not today"})).status_code == 200
    state = await app.advance(UUID(made["id"]))
    assert state.calls["1.1"].acted is not None
    assert state.calls["1.1"].acted.result == "not today"
    assert world.done == []


async def test_who_may_not_decide_cannot_and_nobody_decides_for_somebody_else(
    app: App, client: Client
) -> None:
    ann, bo = await client(who="ann"), await client(who="bo")
    rules = [{"tool": "send", "ask": "true", "by": "bo"}]
    made = await begun(app, ann, agent=SPEC | {"rules": rules})
    await app.advance(UUID(made["id"]))
    (ask,) = (await ann.get("/asks")).json()["asks"]
    path = f"/runs/{made['id']}/asks/{ask['id']}/approve"
    no = await ann.post(path, json={"digest": ask["digest"]})
    assert (no.status_code, "ann may not decide that" in no.json()["detail"]) == (403, True)
    posing = await ann.post(path, json={"digest": ask["digest"], "by": "bo"})
    assert (posing.status_code, posing.json()["errors"][0]["pointer"]) == (422, "/by")
    assert world.done == []
    assert (await bo.post(path, json={"digest": ask["digest"]})).status_code == 200


async def test_who_begins_a_run_for_somebody_else_is_not_one_of_two_who_look_at_it(
    app: App, client: Client
) -> None:
    ann, bo, eve = await client(who="ann"), await client(who="bo"), await client(who="eve")
    rules = [{"tool": "send", "ask": "true", "persons": 2}]
    made = await begun(app, ann, agent=SPEC | {"rules": rules}, person={"id": "zoe"})
    await app.advance(UUID(made["id"]))
    (ask,) = (await ann.get("/asks")).json()["asks"]
    path, yes = f"/runs/{made['id']}/asks/{ask['id']}/approve", {"digest": ask["digest"]}
    assert (await ann.post(path, json=yes)).status_code == 403
    first = await bo.post(path, json=yes)
    assert (first.status_code, first.json()["asks"][0]["endorsed"]) == (200, ["bo"])
    twice = await bo.post(path, json=yes)
    assert (twice.status_code, "bo has said yes" in twice.json()["detail"]) == (409, True)
    assert (await eve.post(path, json=yes)).json()["asks"] == []


async def test_for_whom_a_run_acts_is_verified_only_where_the_token_is_trusted_to_know(
    app: App, client: Client
) -> None:
    plain, trusted = await client("runs:write", "agents:write"), await client()
    for who, verified in ((plain, False), (trusted, True)):
        made = await begun(app, who, person={"id": "C1", "email": "zoe@y.example"})
        assert made["person"]["verified"] is verified
        assert made["person"]["by"] == "ann"


async def test_the_same_key_is_the_same_run_and_another_body_a_conflict(app: App, client: Client) -> None:
    ann, bo = await client(), await client(who="bo")
    scripted(app, finish())
    body, key = {"agent": SPEC, "goal": "go"}, {"Idempotency-Key": "k-1"}
    answers = await asyncio.gather(*(ann.post("/runs", json=body, headers=key) for _ in range(4)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert [a.headers.get("idempotent-replayed") for a in answers].count("true") == 3
    other = await ann.post("/runs", json=body | {"goal": "come"}, headers=key)
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (409, "header:Idempotency-Key")
    assert (await bo.post("/runs", json=body, headers=key)).json()["id"] != answers[0].json()["id"]
    assert len((await ann.get("/runs")).json()["runs"]) == 2


async def test_a_crash_after_the_key_was_kept_begins_no_second_run(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, start = await client(), app.start
    scripted(app, finish())
    body, key = {"agent": SPEC, "goal": "go"}, {"Idempotency-Key": "k-1"}
    chosen = []

    async def dies(*args: Any, **more: Any) -> Any:
        chosen.append(more["run"])
        raise RuntimeError("the process is gone")

    monkeypatch.setattr(app.within("default"), "start", dies)
    assert (await ann.post("/runs", json=body, headers=key)).status_code == 500
    monkeypatch.setattr(app.within("default"), "start", start)
    assert (await ann.post("/runs", json=body, headers=key)).json()["id"] == str(chosen[0])
    assert await jobs(app) == 1


async def test_a_key_that_began_nothing_is_free_for_what_is_mended(app: App, client: Client) -> None:
    ann, key = await client(), {"Idempotency-Key": "k-1"}
    scripted(app, finish())
    wrong = SPEC | {"tools": ["tests.agents.wrold"]}
    assert (await ann.post("/runs", json={"agent": wrong, "goal": "go"}, headers=key)).status_code == 422
    assert (await ann.post("/runs", json={"agent": SPEC, "goal": "go"}, headers=key)).status_code == 201


async def test_of_two_with_one_key_of_which_one_is_turned_away_there_is_one_run(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one is refused, and lets go of the key, while the other is beginning the run; then the first tries again."""
    ann, admit = await client(), app.openings.admit
    scripted(app, finish())
    body, key = {"agent": SPEC, "goal": "go"}, {"Idempotency-Key": "k-1"}
    inside, refused, calls = asyncio.Event(), asyncio.Event(), iter((True, False))

    async def full(*args: Any) -> None:
        if next(calls):
            inside.set()
            await refused.wait()
        else:
            raise Busy("too many runs are open.", 12)

    monkeypatch.setattr(app.openings, "admit", full)
    slow = asyncio.create_task(ann.post("/runs", json=body, headers=key))
    await inside.wait()
    assert (await ann.post("/runs", json=body, headers=key)).status_code == 429
    refused.set()
    run = (await slow).json()["id"]
    monkeypatch.setattr(app.openings, "admit", admit)
    again = await ann.post("/runs", json=body, headers=key)
    assert (again.json()["id"], again.headers["idempotent-replayed"]) == (run, "true")
    other = await ann.post("/runs", json=body | {"goal": "come"}, headers=key)
    assert other.status_code == 409
    assert len((await ann.get("/runs")).json()["runs"]) == 1


async def test_a_key_is_kept_for_a_day(app: App, client: Client) -> None:
    ann, key = await client(), {"Idempotency-Key": "k-1"}
    scripted(app, finish())
    first = (await ann.post("/runs", json={"agent": SPEC, "goal": "go"}, headers=key)).json()["id"]
    async with app.store.pool.connection() as connection:
        await connection.execute("update begun set expires_at = expires_at - interval '23 hours'")
        assert (await ann.post("/runs", json={"agent": SPEC, "goal": "go"}, headers=key)).json()[
            "id"
        ] == first
        await connection.execute("update begun set expires_at = expires_at - interval '1 hour'")
    assert (await ann.post("/runs", json={"agent": SPEC, "goal": "go"}, headers=key)).json()["id"] != first


async def test_runs_are_listed_by_page_none_twice_none_left_out(app: App, client: Client) -> None:
    ann = await client()
    ids = [(await begun(app, ann, goal=f"go {n}"))["id"] for n in range(5)]
    async with app.store.pool.connection() as connection:  # begun at the same moment
        await connection.execute("update runs set created_at = '2026-01-01'")
    found: list[str] = []
    cursor: dict[str, str] = {}
    for _ in range(3):
        page = (await ann.get("/runs", params={"limit": 2, **cursor})).json()
        found += [row["id"] for row in page["runs"]]
        cursor = {"cursor": page["next"]}
    assert page["next"] is None
    assert sorted(found) == sorted(ids)
    await ann.post(f"/runs/{ids[0]}/cancel", json={})
    for params, count in (
        ({"status": "cancelled"}, 1), ({"status": ["running", "cancelled"]}, 5), ({"agent": "shop", "person": "ann"}, 5),
        ({"agent": "nobody"}, 0), ({"words": "go 3"}, 1), ({"since": "2026-01-01T00:00:01Z"}, 0),
        ({"until": "2026-01-01T00:00:00+01:00"}, 0), ({"until": "2026-01-02T00:00:00Z"}, 5),
    ):  # fmt: skip
        assert len((await ann.get("/runs", params=params)).json()["runs"]) == count, params
    for name, value in (
        ("cursor", "x"), ("cursor", "1-2"), ("cursor", "\x00"), ("cursor", "é"), ("cursor", f"{9**40}-{ids[0]}"),
        ("agent", "\x00"), ("words", "a\x00"), ("since", "2026-01-01"), ("since", "2026-01-01T00:00:00"),
    ):  # fmt: skip
        wrong = await ann.get("/runs", params={name: value})
        assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, f"?{name}")


async def test_events_are_read_by_page_in_their_order(app: App, client: Client) -> None:
    ann = await client()
    made = await begun(app, ann)
    await app.advance(UUID(made["id"]))
    whole = (await ann.get(f"/runs/{made['id']}/events")).json()
    assert whole["next"] is None
    assert [event["seq"] for event in whole["events"]] == list(range(1, len(whole["events"]) + 1))
    assert whole["events"][0]["body"]["type"] == "started"
    first = (await ann.get(f"/runs/{made['id']}/events", params={"limit": 2})).json()
    assert (first["events"], first["next"]) == (whole["events"][:2], 2)
    rest = (await ann.get(f"/runs/{made['id']}/events", params={"after": 2})).json()
    assert rest["events"] == whole["events"][2:]


def told(text: str) -> list[Json]:
    """What a stream says: each event by its number, type and data."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if lines:
            found.append((int(lines["id"]), lines["event"], json.loads(lines["data"])))
    return found


async def test_a_stream_tells_each_event_as_it_happens_and_ends_with_the_run(
    app: App, client: Client
) -> None:
    ann = await client()
    made = await begun(app, ann)
    path = f"/runs/{made['id']}/stream"
    following = asyncio.create_task(ann.get(path))
    await app.advance(UUID(made["id"]))
    await ann.post(f"/runs/{made['id']}/asks/a1.1/reject", json={})
    await app.advance(UUID(made["id"]))
    stream = await following
    assert stream.headers["content-type"].startswith("text/event-stream")
    whole = (await ann.get(f"/runs/{made['id']}/events")).json()["events"]
    assert [(e["seq"], e["body"]["type"], e) for e in whole] == told(stream.text)
    assert whole[-1]["body"]["type"] == "finished"
    later = await ann.get(path, params={"after": 1}, headers={"Last-Event-ID": str(whole[-3]["seq"])})
    assert [seq for seq, *_ in told(later.text)] == [e["seq"] for e in whole[-2:]]
    assert (await ann.get(path, headers={"Last-Event-ID": str(whole[-1]["seq"])})).status_code == 204


async def test_a_run_what_it_asks_its_events_and_its_stream_are_told_without_reading_it_whole(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await client()
    run = f"/runs/{(await begun(app, ann))['id']}"
    await app.advance(UUID(run.removeprefix("/runs/")))
    monkeypatch.setattr(Journal, "read", None)
    waits = (await ann.get(run)).json()
    (asked,) = waits["asks"]
    assert (waits["status"], asked["tool"], asked["args"]) == (
        "waiting",
        "send",
        {"to": "x@y.example", "text": "hi"},
    )
    assert asked["rule"]
    assert asked["evidence"] | asked["provenance"]
    assert (await ann.get(f"{run}/asks/{asked['id']}")).json() == asked
    assert (await ann.get("/asks")).json()["asks"] == [asked]
    page = (await ann.get(f"{run}/events", params={"after": 1, "limit": 2})).json()
    assert ([one["seq"] for one in page["events"]], page["next"]) == ([2, 3], 3)
    last = {"after": waits["events"] - 1, "limit": 2}
    assert (await ann.get(f"{run}/events", params=last)).json()["next"] is None
    assert (await ann.get(f"{run}/events", params={"after": 999})).json() == {"events": [], "next": None}
    assert (await ann.get(f"/runs/{uuid4()}")).status_code == 404


async def test_a_stream_ends_when_its_token_is_revoked(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "BEAT", 0)
    ann = await client()
    made = await begun(app, ann)
    secret = ann.headers["authorization"].removeprefix("Bearer ")
    told_before = []
    async for line in events.lines(app, UUID(made["id"]), 1, secret):
        told_before.append(line)
        if len(told_before) == 2:
            await revoke_token(app.store, "t0", "ann")
    assert told_before == [": still here\n\n"] * 2


async def test_runs_are_listed_by_what_happened_in_them_the_tool_and_the_cost(
    app: App, client: Client
) -> None:
    ann = await client()
    made = await begun(app, ann)
    await app.cancel(UUID(made["id"]), "ann")
    for query, found in {
        "max_cost=0": 1,
        "min_cost=0.01": 0,
        "happened=denied": 0,
        "tool=launch": 0,
        "happened=asked&happened=denied": 0,
    }.items():
        assert len((await ann.get(f"/runs?{query}")).json()["runs"]) == found, query
    (row,) = (await ann.get("/runs?max_cost=0")).json()["runs"]
    assert Decimal(row["cost"]) == 0
    for query in ("happened=nothing", "min_cost=-1", "max_cost=much"):
        assert (await ann.get(f"/runs?{query}")).status_code == 422


async def test_a_run_is_paused_resumed_cancelled_and_forked(app: App, client: Client) -> None:
    ann = await client()
    made = await begun(app, ann)
    path = f"/runs/{made['id']}"
    for _ in range(2):
        assert (await ann.post(f"{path}/pause")).json()["status"] == "paused"
    assert (await ann.post(f"{path}/resume")).json()["status"] == "running"
    fork = (await ann.post(f"{path}/fork", json={"at": 1, "instructions": "be kind"})).json()
    assert (fork["fork_of"], fork["goal"]) == (made["id"], made["goal"])
    ended = (await ann.post(f"{path}/cancel", json={"why": "the customer called"})).json()
    assert (ended["status"], ended["why"]) == ("cancelled", "ann: the customer called")
    for verb in ("pause", "resume", "cancel"):
        assert (await ann.post(f"{path}/{verb}", json={})).status_code == 409


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"rules": [{"tool": "send", "dney": "true"}]}, "/rules/0/dney"),
        ({"rules": [{"tool": "send", "deny": "args."}]}, "/rules"),
        ({"rules": [{"tool": "send", "ask": "true", "by": "group:nobody"}]}, "/rules"),
        ({"model": "nonsense"}, "/model"),
    ],
)
async def test_what_a_fork_cannot_have_is_said_where_it_stands(
    app: App, client: Client, change: dict[str, Any], pointer: str
) -> None:
    ann = await client()
    path = f"/runs/{(await begun(app, ann))['id']}"
    answer = await ann.post(f"{path}/fork", json={"at": 1, **change})
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


async def test_a_fork_has_the_rules_that_were_sent_and_may_be_simulated(app: App, client: Client) -> None:
    ann = await client()
    path = f"/runs/{(await begun(app, ann))['id']}"
    rules = [{"tool": "send", "deny": "true"}]
    fork = (await ann.post(f"{path}/fork", json={"at": 1, "rules": rules, "shadow": True})).json()
    started = (await app.state(UUID(fork["id"]))).started
    assert started is not None
    assert (started.spec["rules"], started.spec["remit"]["autonomy"], started.fork_by) == (
        rules,
        "shadow",
        "ann",
    )


async def test_what_is_no_run_is_not_found_by_any_verb(app: App, client: Client) -> None:
    ann = await client()
    path = f"/runs/{uuid4()}"
    for verb, where in (
        ("GET", path), ("GET", f"{path}/events"), ("GET", f"{path}/stream"), ("POST", f"{path}/cancel"),
        ("POST", f"{path}/pause"), ("POST", f"{path}/resume"), ("POST", f"{path}/fork"), ("GET", f"{path}/asks/a1.1"),
    ):  # fmt: skip
        answer = await ann.request(verb, where, json={} if verb == "POST" else None)
        assert answer.status_code == 404, (verb, where)
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"agent": "assitant"}, "/agent"),
        ({"agent": "./agent.yaml"}, "/agent"),
        ({"agent": "/etc/passwd.yaml"}, "/agent"),
        ({"agent": SPEC | {"rules": [{"tool": "send"}]}}, "/agent/rules/0"),
        ({"agent": SPEC | {"instuctions": "x"}}, "/agent/instuctions"),
        ({"agent": SPEC | {"team": ["./agent.yaml"]}}, "/agent"),
        ({"agent": SPEC | {"resources": {"db": "postgresql://a:b@c/d"}}}, "/agent/resources/db"),
        ({"goal": ""}, "/goal"),
        ({"goal": 3}, "/goal"),
        ({"gaol": "x"}, "/gaol"),
        ({"inputs": {"a": "\ud800"}}, "/inputs"),
        ({"person": {"id": "ann\u200b"}}, "/person/id"),
        ({"person": {"verified": True}}, "/person/verified"),
        ({"priority": 11}, "/priority"),
    ],
)
async def test_what_is_wrong_is_said_with_where_it_stands(
    app: App, client: Client, change: Json, pointer: str
) -> None:
    ann = await client()
    content = json.dumps({"agent": SPEC, "goal": "go", **change})
    answer = await ann.post("/runs", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    said = answer.json()
    assert pointer in [error["pointer"] for error in said["errors"]], said
    assert said["type"] == "urn:remit:problem:unusable-input"
    assert (await ann.get("/runs")).json()["runs"] == []


async def test_what_only_the_app_can_tell_is_said_in_its_words(app: App, client: Client) -> None:
    ann = await client()
    answer = await ann.post("/runs", json={"agent": SPEC | {"tools": ["tests.agents.wrold"]}, "goal": "go"})
    assert (answer.status_code, "wrold" in answer.json()["detail"]) == (422, True)
    blank = await ann.post("/runs", json={"agent": "assistant", "goal": " "})
    assert (blank.status_code, "there is no goal" in blank.json()["detail"]) == (422, True)


async def test_a_full_house_says_when_to_come_again(
    app: App, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*args: Any) -> None:
        raise Busy("too many runs are open.", 12)

    monkeypatch.setattr(app.openings, "admit", full)
    scripted(app, finish())
    answer = await (await client()).post("/runs", json={"agent": SPEC, "goal": "go"})
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "12")


async def test_a_shadow_run_is_one(app: App, client: Client) -> None:
    made = await begun(app, await client(), shadow=True)
    started = (await app.journal.read(UUID(made["id"])))[0].body
    assert isinstance(started, Started)
    assert started.spec["remit"]["autonomy"] == "shadow"


def test_the_spec_here_is_the_loops_own() -> None:
    assert agent().model_dump()["tools"] == ("tests.agents.world",)
    assert Path(world.__file__).exists()
