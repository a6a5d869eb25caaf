"""The client that blocks: from a thread, against a real server with a worker, and over lines that break."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from remit.access.roles import RIGHTS
from remit.api.tokens import add_token
from remit.app import App
from remit.client import (
    AsyncClient,
    Client,
    Conflict,
    Draft,
    NotAllowed,
    TooMuch,
    Unavailable,
    Unreachable,
    Unusable,
    wire,
)
from tests.agents import world
from tests.agents.test_loop import call, finish
from tests.api.test_runs import SPEC
from tests.client.test_client import SEND, app, scripted, url

__all__ = ["app", "url"]
Json = Any
Answers = Callable[[httpx.Request], httpx.Response]
HOOK = "00000000-0000-0000-0000-000000000001"


@pytest.fixture
async def remit(app: App, url: str) -> Any:
    _, secret = await add_token(app.store, "blocks", "ann", tuple(RIGHTS), None)
    with Client(url, secret, tries=3) as client:
        yield client


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, which take no time here."""
    pauses: list[float] = []
    monkeypatch.setattr(wire, "sleep", pauses.append)
    return pauses


def over(answers: Answers, tries: int = 3) -> Client:
    """A client whose requests that answers."""
    client = Client("http://x.example", "remit_x", tries=tries)
    client._wire.client._transport = httpx.MockTransport(answers)
    return client


async def test_a_run_is_begun_followed_decided_and_read_without_awaiting(app: App, remit: Client) -> None:
    scripted(app, SEND, call("ask_person", question="blue or red?"), finish("It is sent."))

    def all_of_it() -> None:
        run = remit.runs.wait(remit.runs.create(SPEC, "write to them").id)
        assert [one.id for one in remit.asks.list()] == [run.asks[0].id]
        assert remit.asks.get(run.id, run.asks[0].id) == run.asks[0]
        remit.asks.approve(run.asks[0], "fine")
        with pytest.raises(Conflict):
            remit.asks.approve(run.asks[0])
        run = remit.runs.wait(run.id)
        remit.asks.answer(run.asks[0], "blue")
        run = remit.runs.wait(run.id)
        assert (run.ended, run.report) == (True, "It is sent.")
        seen = [event.seq for event in remit.runs.events(run.id)]
        assert seen == list(range(1, run.events + 1))
        assert [event.seq for event in remit.runs.journal(run.id, 2, page=3)] == seen[2:]
        assert [(one.tool, one.outcome) for one in remit.runs.effects(run.id)] == [("send", "ok")]
        assert remit.runs.children(run.id) == []
        why = remit.runs.why(run.id, "1.1")
        assert (why.approved_by, [one.name for one in why.values]) == ("ann", ["to", "text"])
        found = remit.runs.list(happened=["asked", "acted"], tool="send", since=run.created_at, page=1)
        assert [(row.id, row.cost is None) for row in found] == [(run.id, False)]

    await asyncio.to_thread(all_of_it)
    assert [what for what, _ in world.done] == ["send x@y.example"]


async def test_an_agent_is_drafted_published_and_taken_back_by_whoever_looked_last(remit: Client) -> None:
    def all_of_it() -> None:
        first = remit.agents.save("desk", "name: desk\ninstructions: Sort.\n")
        assert (first.changed, first.wrong, first.published) == (True, [], None)
        assert remit.agents.publish(first, "first").version == 1
        with pytest.raises(Conflict):
            remit.agents.publish(first, "not seen")
        with pytest.raises(Unusable) as wrong:
            remit.agents.save("desk", {"tools": ["no_such"]}, remit.agents.draft("desk"))
        assert [one.pointer for one in wrong.value.errors] == ["/spec/tools"]
        kept = remit.agents.save("desk", {"instructions": "Sort all."}, remit.agents.draft("desk"))
        assert (kept.changed, remit.agents.drop(kept).changed) == (True, False)
        second = remit.agents.save("desk", {"instructions": "Sort it."}, remit.agents.draft("desk"))
        remit.agents.publish(second)
        assert remit.agents.roll_back(remit.agents.draft("desk"), 1, "it was better").same_as == 1
        assert [one.version for one in remit.agents.versions("desk")] == [3, 2, 1]
        assert "Sort." in (remit.agents.version("desk", 1).yaml or "")
        gone = remit.agents.archive(remit.agents.draft("desk"))
        assert gone.archived
        assert not remit.agents.restore(gone).archived
        assert remit.agents.get("desk").version == 3

    await asyncio.to_thread(all_of_it)


async def test_triggers_budgets_retention_and_models(remit: Client) -> None:
    def all_of_it() -> None:
        daily = {"name": "daily", "schedule": "0 7 * * *", "goal": "Look."}
        hook = {"name": "mail", "webhook": "token", "goal": "Look."}
        draft = remit.agents.save("desk", {"triggers": [daily, hook]})
        assert draft.wrong == []
        remit.agents.publish(draft)
        assert [one.name for one in remit.triggers.list("desk")] == ["daily", "mail"]
        assert remit.triggers.pause("desk", "daily").state == "paused"
        assert len(remit.triggers.resume("desk", "daily").next) > 0
        assert remit.triggers.secret("desk", "mail") != remit.triggers.secret("desk", "mail")
        fired = remit.triggers.fire("desk", "mail", {"order": 7})
        assert [(one.id, one.by) for one in remit.triggers.firings("desk", "mail")] == [(fired.id, "ann")]
        assert remit.triggers.refused("desk", "mail") == []
        assert remit.triggers.get("desk", "mail").last is not None
        budget = remit.budgets.set("month", money="12.50", agent="desk")
        assert [(str(one.money), one.tokens) for one in remit.budgets.list()] == [(str(budget.money), None)]
        remit.budgets.remove("month", agent="desk")
        assert remit.budgets.list() == []
        assert remit.retention.foreseen("30d", delete_after="1y").archive == 0
        rule = remit.retention.set(archive_after="30d", delete_after="1y", agent="desk")
        assert remit.retention.get().rules == [rule]
        remit.retention.remove(agent="desk")
        assert remit.retention.get().rules == []
        assert remit.retention.foreseen_data("words", "2y", kind="message").rows == 0
        data = remit.retention.set_data("words", "2y", kind="message")
        assert remit.retention.data() == [data]
        remit.retention.remove_data("words", kind="message")
        assert remit.retention.data() == []
        assert remit.keys.set("openai", "sk-canary-0123456789") == remit.keys.list()[0]
        remit.keys.remove("openai")
        assert remit.keys.list() == []
        assert remit.models()

    await asyncio.to_thread(all_of_it)


async def test_a_stream_is_left_in_the_middle_and_its_line_with_it(app: App, remit: Client) -> None:
    scripted(app, SEND)

    def all_of_it() -> None:
        run = remit.runs.wait(remit.runs.create(SPEC, "go").id)
        following = remit.runs.events(run.id)
        assert next(following).seq == 1
        following.close()
        pool = remit._wire.client._transport._pool  # type: ignore[attr-defined]
        assert all(one.is_idle() or one.is_closed() for one in pool.connections)

    await asyncio.to_thread(all_of_it)


def test_a_stream_that_breaks_is_taken_up_where_it_was(slept: list[float]) -> None:
    asked: list[str] = []

    class Cut(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield _event(len(asked), "noted") + b"id: 9\nevent: half"
            raise httpx.ReadError("the line broke")

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["last-event-id"])
        last = len(asked) == 3
        return (
            httpx.Response(200, stream=Cut())
            if not last
            else httpx.Response(200, content=_event(3, "finished"))
        )

    assert [event.seq for event in over(answer).runs.events(HOOK)] == [1, 2, 3]
    assert asked == ["0", "1", "2"]
    assert slept == [0.0, 0.0]


def test_a_stream_that_says_nothing_is_given_up(slept: list[float]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("silent", request=request)

    with pytest.raises(Unreachable, match="silent"):
        next(over(answer, tries=2).runs.events(HOOK))
    assert len(slept) == 2


def test_what_could_be_done_twice_is_sent_again_only_where_it_was_not_begun(slept: list[float]) -> None:
    sent: list[str] = []

    def broken(error: type[httpx.TransportError]) -> Answers:
        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request.url.path)
            raise error("the line broke", request=request)

        return answer

    def busy(status: int) -> Answers:
        def answer(request: httpx.Request) -> httpx.Response:
            sent.append(request.url.path)
            return httpx.Response(
                status, json={"title": "Busy", "detail": "later"}, headers={"retry-after": "7"}
            )

        return answer

    draft = Draft.model_construct(name="desk", rev=3)
    for answers, raised, times in (
        (broken(httpx.ReadError), Unreachable, 1),
        (broken(httpx.ConnectError), Unreachable, 3),
        (busy(429), TooMuch, 3),
        (busy(503), Unavailable, 1),
    ):
        remit = over(answers)
        for ask in (
            lambda remit: remit.triggers.fire("desk", "mail"),
            lambda remit: remit.runs.cancel(HOOK),
            lambda remit: remit.agents.save("desk", "name: desk", draft),
            lambda remit: remit.agents.drop(draft),
        ):
            sent.clear()
            with pytest.raises(raised):
                ask(remit)
            assert len(sent) == times
        for ask in (
            lambda remit: remit.runs.create("desk", "go"),
            lambda remit: remit.runs.pause(HOOK),
            lambda remit: remit.budgets.set("day", tokens=1),
        ):
            sent.clear()
            with pytest.raises(raised):
                ask(remit)
            assert len(sent) == 3
    assert 7.0 in slept


def test_what_is_gone_by_a_try_whose_answer_was_lost_is_removed(slept: list[float]) -> None:
    tries: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tries.append(request.method)
        if len(tries) == 1:
            raise httpx.ReadError("the line broke", request=request)
        return httpx.Response(404, json={"title": "Not found", "detail": "there is no such webhook"})

    over(answer).webhooks.remove(HOOK)
    assert tries == ["DELETE", "DELETE"]


async def test_a_missing_scope_is_an_error_that_names_it(app: App, url: str) -> None:
    _, secret = await add_token(app.store, "reads", "ann", ("runs:read",), None)
    with Client(url, secret) as remit, pytest.raises(NotAllowed, match="runs:write"):
        await asyncio.to_thread(remit.runs.create, "assistant", "go")


async def test_threads_may_share_one(remit: Client) -> None:
    found = await asyncio.gather(*(asyncio.to_thread(remit.agents.list) for _ in range(8)))
    assert len({tuple(one.name for one in each) for each in found}) == 1


def test_help_shows_a_method_as_it_is_called() -> None:
    for client in (Client("http://x.example", "t"), AsyncClient("http://x.example", "t")):
        assert str(inspect.signature(client.runs.cancel)).startswith("(run: 'Id', why: 'str' = '')")
        assert (client.runs.cancel.__doc__ or "").startswith("End it")


def _event(seq: int, kind: str) -> bytes:
    data = f'{{"run": "{HOOK}", "seq": {seq}, "at": "2026-11-22T00:00:00Z", "body": {{"type": "{kind}"}}}}'
    return f"id: {seq}\nevent: {kind}\ndata: {data}\n\n".encode()
