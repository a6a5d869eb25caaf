"""Slack: what is posted once, and the events that it signs, against a server on loopback in the shape of its API."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from remit.access.people import arrive
from remit.agents.spec import Agent
from remit.app import App, open_app
from remit.catalogue.plain import Choice, written
from remit.channels.slack import event_of, signature, words
from remit.connections.kept import connection_of, linked_of, set_connection
from remit.connections.trial import try_out
from remit.console.server import make_server
from remit.console.session import Door
from remit.graph.ingest import take
from remit.graph.people import find, timeline
from remit.journal.events import Person, Started
from remit.journal.state import State
from remit.settings import Settings
from remit.store.secrets import set_secret
from remit.testing import ScriptedModel
from remit.tools.registry import installed
from remit.triggered import look
from remit.triggers import firing, kept
from tests.agents.test_loop import call, finish
from tests.tools.test_http import reply, serving
from tests.triggers.conftest import publish
from tests.triggers.test_schedules import Handed

TOKEN, SIGNING = "xoxb-canary-4711", "8f742231b10e8888abcd99yyyzzz85a5"
CHAT: dict[str, Any] = {"tools": ["slack.*"], "connections": {"chat": {"use": "chat"}}}
PATH = "/hooks/default/desk/asked"
MESSAGE = {
    "type": "event_callback",
    "team_id": "T1",
    "event_id": "Ev1",
    "event": {"type": "message", "channel_type": "im", "user": "U1", "channel": "D1", "ts": "1700000000.000100",
              "text": "Where is <https://shop.example/W1|W1>, <@U2>? 1 &lt; 2"},
}  # fmt: skip


@dataclass
class Team:
    """What Slack was asked, and what stands in its channels."""

    port: int = 0
    posts: list[dict[str, Any]] = field(default_factory=list)
    loses: bool = False  # the answer to a post
    more: bool = False
    denied: str = ""

    async def answer(
        self, line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        form = {key: value[0] for key, value in parse_qs(body.decode()).items()}
        said = {"ok": False, "error": "invalid_auth"}
        if headers.get("authorization") == f"Bearer {TOKEN}":
            said = {"ok": True, **self.asked(line.split("/")[2].split(" ")[0], form)}
        if self.denied:
            said = {"ok": False, "error": self.denied}
        if self.loses and "chat.postMessage" in line:
            self.loses = False
            writer.close()
        else:
            writer.write(reply(json.dumps(said).encode(), "application/json"))

    def asked(self, method: str, form: dict[str, str]) -> dict[str, Any]:
        if method == "auth.test":
            return {"user": "remit", "team": "The shop"}
        if method == "chat.postMessage":
            made = {"ts": f"170000000{len(self.posts)}.000100", "user": "UBOT", **form}
            made["metadata"] = json.loads(form["metadata"])
            self.posts.append(made)
            return {"channel": form["channel"], "ts": made["ts"]}
        found = [one for one in self.posts if one["channel"] == form["channel"]]
        if method == "conversations.replies":
            found = [one for one in found if one.get("thread_ts") == form["ts"]]
        return {"messages": found, "has_more": self.more}


@pytest.fixture
async def team() -> AsyncIterator[Team]:
    made = Team()
    async with serving(made.answer) as made.port:
        yield made


@pytest.fixture
async def app(settings: Settings, team: Team) -> AsyncIterator[App]:
    async with open_app(settings) as opened:
        await arrive(opened.store, "ann")
        await set_secret(opened.store, "TOKEN", TOKEN, "ann")
        await set_secret(opened.store, "SIGNING", SIGNING, "ann")
        chat = {
            "slack": f"http://127.0.0.1:{team.port}/api",
            "headers": {"Authorization": "Bearer secret:TOKEN"},
            "signing": "secret:SIGNING",
        }
        await set_connection(opened.store, "chat", linked_of("chat", chat), "ann")
        opened.models["auto"] = ScriptedModel([finish()], by_turn=True)
        yield opened


async def run(
    app: App, *calls: Any, goal: str = "Tell C1, at 1700000000.000100, that W1 is on its way"
) -> State:
    both = (installed()[name] for name in ("slack_post", "slack_reply"))
    rules = [rule for tool in both for rule in written(tool, Choice("known", above="ask"))]
    spec = {"name": "desk", "reflect": False, "remit": {"autonomy": "act"}, "rules": rules, **CHAT}
    model = ScriptedModel([*calls, finish()], by_turn=True)
    begun = await app.start(Agent.model_validate(spec), goal, person=Person(id="ann"), model=model)
    return await app.advance(begun)


async def test_an_agent_posts_answers_in_a_thread_and_reads_words_that_are_nobodys(
    app: App, team: Team
) -> None:
    state = await run(
        app,
        call("slack_post", channel="C1", text="W1 is on its way"),
        call("slack_reply", channel="C1", message="1700000000.000100", text="it is on its way"),
        call("slack_read", channel="C1"),
    )
    first, second = team.posts
    assert (first["text"], second["thread_ts"]) == ("W1 is on its way", "1700000000.000100")
    read = state.calls["3.1"].acted
    assert read is not None
    assert [one["text"] for one in read.result["messages"]] == ["W1 is on its way", "it is on its way"]
    assert state.untrusted
    assert TOKEN not in str(await app.journal.read(state.run))


async def test_a_channel_that_the_goal_does_not_name_is_asked_about(app: App, team: Team) -> None:
    state = await run(app, call("slack_post", channel="C9", text="Hello"))
    assert [one.kind for one in state.waits.values()] == ["approval"]
    assert team.posts == []


async def test_a_post_to_one_person_passes_the_rules_of_contact_and_one_to_a_channel_none(
    app: App, team: Team
) -> None:
    row = {
        "id": "1",
        "at": "2026-05-01T10:00:00Z",
        "kind": "consent_withdrawn",
        "channel": "slack",
        "handle": "slack:U7",
    }
    assert (await take(app.store, [(1, row)], "test")).new == 1
    posts = [call("slack_post", channel=one, text="Hello") for one in ("U7", "C1")]
    state = await run(app, *posts, goal="Tell U7 and C1 Hello")
    acted = state.calls["1.1"].acted
    assert acted is not None
    assert "not sent, to nobody" in acted.result
    assert [one["channel"] for one in team.posts] == ["C1"]


async def test_a_post_whose_answer_was_lost_is_found_where_it_stands_and_not_repeated(
    app: App, team: Team
) -> None:
    team.loses = True
    state = await run(app, call("slack_post", channel="C1", text="once"))
    acted = state.calls["1.1"].acted
    assert acted is not None
    assert acted.result == {"sent": True, "channel": "C1", "message": team.posts[0]["ts"]}
    assert len(team.posts) == 1


async def test_a_post_that_may_stand_where_nobody_has_looked_is_put_to_a_person(app: App, team: Team) -> None:
    team.loses = team.more = True
    asked = team.asked
    team.asked = lambda method, form: (  # type: ignore[method-assign]
        asked(method, form) if method == "chat.postMessage" else {"messages": [], "has_more": True}
    )
    state = await run(app, call("slack_post", channel="C1", text="once"))
    assert [one.kind for one in state.waits.values()] == ["doubt"]
    assert len(team.posts) == 1


async def test_trying_it_says_as_whom_and_of_which_team(app: App, team: Team) -> None:
    linked = (await connection_of(app.store, "chat")).linked
    trial = await try_out(app, "chat", linked)
    assert (trial.works, trial.words) == (True, "it answers as remit of The shop")
    team.denied = "token_revoked"
    trial = await try_out(app, "chat", linked)
    assert (trial.works, trial.words) == (False, "Slack says no: token_revoked")


@pytest.fixture
async def slack(app: App) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_server(app, Door("ann"), 7700))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7700") as client:
        trigger = {"name": "asked", "slack": "chat", "goal": "Answer them.", "sender_asks": True}
        await publish(app, trigger, **CHAT)
        yield client


async def tell(
    client: httpx.AsyncClient, said: Any, secret: str = SIGNING, at: float | None = None
) -> httpx.Response:
    body, time_ = json.dumps(said).encode(), str(int(time.time() if at is None else at))
    headers = {"x-slack-request-timestamp": time_, "x-slack-signature": signature(body, time_, secret)}
    return await client.post(PATH, content=body, headers=headers)


async def test_an_event_that_slack_has_signed_begins_one_run_for_who_wrote(
    app: App, slack: httpx.AsyncClient
) -> None:
    assert (await tell(slack, MESSAGE)).json() == {"taken": True}
    assert (await tell(slack, MESSAGE)).json() == {"taken": False}, (
        "Slack tells it again where it is in doubt"
    )
    await look(app, Handed())
    (one,) = await firing.list_firings(app.store, "desk", "asked")
    body = (await app.journal.read(one.run))[0].body
    assert isinstance(body, Started)
    assert body.goal == "Answer them.\n\nWhere is W1 (https://shop.example/W1), @U2? 1 < 2"
    assert (body.person.id, body.person.verified) == ("slack:T1:U1", True)
    assert body.inputs == {"channel": "D1", "message": "1700000000.000100"}


@pytest.mark.parametrize(("secret", "age"), [("another secret", 0), (SIGNING, 310), (SIGNING, -310)])
async def test_what_slack_has_not_signed_lately_is_told_404(
    app: App, slack: httpx.AsyncClient, secret: str, age: int
) -> None:
    assert (await tell(slack, MESSAGE, secret, time.time() - age)).status_code == 404
    assert (await slack.post(PATH, json=MESSAGE)).status_code == 404
    assert await firing.list_firings(app.store, "desk", "asked") == []


async def test_slack_is_told_its_challenge_only_where_it_has_signed_it(slack: httpx.AsyncClient) -> None:
    said = {"type": "url_verification", "challenge": "3eZbrw"}
    assert (await tell(slack, said)).json() == {"challenge": "3eZbrw"}
    assert (await tell(slack, said, "another secret")).status_code == 404


async def test_a_paused_trigger_takes_nothing(app: App, slack: httpx.AsyncClient) -> None:
    await kept.pause(app.store, "desk", "asked", "ann")
    assert (await tell(slack, MESSAGE)).json() == {"taken": False}


@pytest.mark.parametrize(
    "changes",
    [
        {"bot_id": "B1"},
        {"subtype": "message_changed"},
        {"type": "reaction_added"},
        {"user": None},
        {"ts": "x y"},
    ],
)
def test_what_no_person_wrote_is_no_message(changes: dict[str, Any]) -> None:
    assert event_of(MESSAGE) is not None
    assert event_of(MESSAGE | {"event": {**MESSAGE["event"], **changes}}) is None  # type: ignore[dict-item]
    assert event_of([]) is None


def test_slacks_marks_are_read_as_people_see_them() -> None:
    assert words("<#C1|general> <!here> <mailto:a@b.example|a@b.example> &amp;") == (
        "#general @here a@b.example (mailto:a@b.example) &"
    )


async def test_what_somebody_writes_and_how_they_react_is_a_part_of_their_history_and_an_answer_is_one(
    app: App, slack: httpx.AsyncClient, team: Team
) -> None:
    await run(app, call("slack_post", channel="U1", text="Is W1 there?"), goal="Ask U1 whether W1 is there")
    assert len(team.posts) == 1
    thumb = {
        "type": "reaction_added",
        "user": "U1",
        "reaction": "+1",
        "item": {"channel": "D1", "ts": "1700000000.000100"},
    }
    for _ in range(2):
        assert (await tell(slack, MESSAGE)).status_code == 200
        assert (await tell(slack, MESSAGE | {"event_id": "Ev2", "event": thumb})).json() == {"taken": False}
    other = MESSAGE | {"event_id": "Ev3", "event": {**MESSAGE["event"], "user": "U2", "text": "Hi"}}  # type: ignore[dict-item]
    await tell(slack, other)
    found = await timeline(app.store, await find(app.store, "handle:slack:U1"))
    assert [(one.kind, one.direction, one.channel) for one in reversed(found)] == [
        ("message", "out", "slack"), ("reply", "in", "slack"), ("reaction", "in", "slack"),
    ]  # fmt: skip
    assert [one.kind for one in await timeline(app.store, await find(app.store, "handle:slack:U2"))] == [
        "message"
    ]
