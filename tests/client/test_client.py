"""The client against a real server with a worker: typed, tried again where that is safe, and errors that say what to do."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from remit.access.people import arrive
from remit.access.roles import RIGHTS
from remit.api.tokens import add_token, revoke_token
from remit.app import App, open_app
from remit.client import (
    AsyncClient,
    Conflict,
    NotAllowed,
    NotFound,
    NotSignedIn,
    TooMuch,
    Unavailable,
    Unreachable,
    Unusable,
    wire,
)
from remit.errors import Busy, UserError
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import call, finish
from tests.api.test_runs import SPEC
from tests.live import serving, working
from tests.webhooks.receiver import receiving

Json = Any
Make = Callable[..., Awaitable[AsyncClient]]
SEND = call("send", to="x@y.example", text="hi")
PAGE = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    world.reset()
    async with open_app(settings.model_copy(update={"webhook_allow": ("127.0.0.1",)})) as opened:
        await arrive(opened.store, "ann")
        yield opened


@pytest.fixture
async def url(app: App) -> AsyncIterator[str]:
    async with serving(app) as address, working(app):
        yield address


@pytest.fixture
async def make(app: App, url: str) -> AsyncIterator[Make]:
    """Makes clients: `await make("runs:read")`; all scopes where none is named."""
    made: list[AsyncClient] = []

    async def one(*scopes: str) -> AsyncClient:
        _, secret = await add_token(app.store, f"t{len(made)}", "ann", scopes or tuple(RIGHTS), None)
        made.append(AsyncClient(url, secret, tries=3))
        return made[-1]

    yield one
    for client in made:
        await client.close()


@pytest.fixture
async def remit(make: Make) -> AsyncClient:
    return await make()


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between tries, which take no time here."""
    pauses: list[float] = []

    async def at_once(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(wire, "pause", at_once)
    return pauses


def scripted(app: App, *turns: Any) -> None:
    app.models["scripted:test"] = ScriptedModel([*turns], by_turn=True)


async def test_a_call_is_approved_with_another_argument(app: App, remit: AsyncClient) -> None:
    scripted(app, SEND, finish("It is sent."))
    run = await remit.runs.wait((await remit.runs.create(SPEC, "write to them")).id)
    with pytest.raises(Unusable) as refused:
        await remit.asks.approve(run.asks[0], changes={"to": 7})
    assert [(one.pointer, one.detail) for one in refused.value.errors] == [
        ("/changes/to", "must be text, not 7")
    ]
    await remit.asks.approve(run.asks[0], "to bo instead", {"to": "bo@y.example"})
    assert (await remit.runs.wait(run.id)).ended
    assert [what for what, _ in world.done] == ["send bo@y.example"]


async def test_a_run_is_begun_followed_decided_and_read(app: App, remit: AsyncClient) -> None:
    scripted(
        app,
        SEND,
        call("send", to="z@y.example", text="hi"),
        call("ask_person", question="blue or red?"),
        finish("It is sent."),
    )
    run = await remit.runs.create(SPEC, "write to them", inputs={"year": 2026}, person={"id": "C1"})
    assert (run.ended, run.person.id, run.person.verified) == (False, "C1", True)
    run = await remit.runs.wait(run.id)
    assert [one.id async for one in remit.asks.list()] == [run.asks[0].id]
    assert (run.asks[0].tool, run.asks[0].args["to"]) == ("send", "x@y.example")
    await remit.asks.approve(run.asks[0], "fine")
    run = await remit.runs.wait(run.id)
    with pytest.raises(Conflict):
        await remit.asks.approve(run.asks[0].model_copy(update={"digest": "0" * 64}))
    await remit.asks.reject(run.asks[0], "once is enough")
    run = await remit.runs.wait(run.id)
    await remit.asks.answer(run.asks[0], "blue")
    run = await remit.runs.wait(run.id)
    assert (run.ended, run.report, run.asks) == (True, "It is sent.", [])
    assert [what for what, _ in world.done] == ["send x@y.example"]
    assert [(one.tool, one.outcome) for one in await remit.runs.effects(run.id)] == [("send", "ok")]
    assert [one.run for one in await remit.effects()] == [run.id]
    seen = [event async for event in remit.runs.events(run.id)]
    assert [event.seq for event in seen] == list(range(1, run.events + 1))
    assert [event.seq async for event in remit.runs.events(run.id, 3)] == [event.seq for event in seen[3:]]
    assert [event async for event in remit.runs.events(run.id, run.events)] == []
    assert (await remit.runs.why(run.id, "1.1")).approved_by == "ann"


async def test_files_come_with_a_run_by_path_or_by_what_they_hold(
    app: App, remit: AsyncClient, tmp_path: Path
) -> None:
    scripted(app, finish())
    (tmp_path / "sales.csv").write_bytes(b"1,2\n")
    runs = [
        await remit.runs.create(SPEC, "sum it", files=[tmp_path / "sales.csv"], key="k"),
        await remit.runs.create(SPEC, "sum it", files={"sales.csv": b"1,2\n"}, key="k"),
    ]
    (run,) = {one.id for one in runs}
    kept = app.settings.data_dir / "runs" / str(run)
    assert {one.name: one.read_bytes() for one in kept.iterdir()} == {"sales.csv": b"1,2\n"}
    (kept / "out").mkdir()
    (kept / "out" / "sum ä.bin").write_bytes(bytes(range(256)))
    found = [one async for one in remit.runs.files(run, page=1)]
    assert [(one.name, one.kind, one.bytes) for one in found] == [
        ("out/sum ä.bin", "made", 256), ("sales.csv", "came", 4),
    ]  # fmt: skip
    assert [await remit.runs.file(run, one.name) for one in found] == [bytes(range(256)), b"1,2\n"]
    with pytest.raises(NotFound, match="no such file"):
        await remit.runs.file(run, "out")
    with pytest.raises(Unusable, match="is a path"):
        await remit.runs.create(SPEC, "sum it", files={"../x": b""})
    for wrong, says in (([tmp_path / "none.csv"], "none.csv cannot be read"), ("sales.csv", "send a list")):
        with pytest.raises(UserError, match=says):
            await remit.runs.create(SPEC, "sum it", files=wrong)


async def test_runs_are_paused_resumed_forked_compared_and_ended(app: App, remit: AsyncClient) -> None:
    scripted(app, SEND)
    run = await remit.runs.wait((await remit.runs.create(SPEC, "go")).id)
    assert (await remit.runs.pause(run.id)).status == "paused"
    assert (await remit.runs.resume(run.id)).status == "waiting"
    fork = await remit.runs.fork(run.id, 1, instructions="be kind")
    assert fork.fork_of == run.id
    assert (await remit.runs.compare(run.id, run.id)).same
    for one in (run, fork):
        assert (await remit.runs.cancel(one.id, "enough")).ended
    with pytest.raises(Conflict):
        await remit.runs.pause(run.id)
    assert {row.id async for row in remit.runs.list(status="cancelled", page=1)} == {run.id, fork.id}


async def test_agents_tools_and_webhooks(remit: AsyncClient) -> None:
    assert {"assistant", "support"} <= {one.name for one in await remit.agents.list()}
    assert (await remit.agents.get("assistant")).spec
    assert [tool.name for tool in await remit.tools("http_get")] == ["http_get"]
    async with receiving() as receiver:
        hook = await remit.webhooks.create(receiver.url, ["run.finished"])
        assert hook.secret
        sent = await remit.webhooks.test(hook.id)
        assert (sent.state, sent.message["type"]) == ("done", "webhook.test")
        assert [one.id async for one in remit.webhooks.deliveries(hook.id)] == [sent.id]
        assert (await remit.webhooks.resend(hook.id, sent.id)).number == sent.number
        assert [one.secret for one in await remit.webhooks.list()] == [None]
        await remit.webhooks.remove(hook.id)
        assert await remit.webhooks.list() == []


async def test_problems_are_errors_that_say_what_to_do(
    app: App, make: Make, url: str, remit: AsyncClient
) -> None:
    with pytest.raises(Unusable, match="Did you mean 'assistant'") as wrong:
        await remit.runs.create("assitant", "go")
    assert [one.pointer for one in wrong.value.errors] == ["/agent"]
    with pytest.raises(NotFound, match="there is no run"):
        await remit.runs.get(uuid4())
    with pytest.raises(NotFound):
        await anext(remit.runs.events(uuid4()))
    with pytest.raises(NotAllowed, match="runs:write"):
        await (await make("runs:read")).runs.create("assistant", "go")
    with pytest.raises(NotSignedIn, match="remit tokens list"):
        await AsyncClient(url, "remit_no").agents.list()
    with pytest.raises(Unreachable, match="remit up"):
        await AsyncClient("http://127.0.0.1:9", "remit_no", tries=1).agents.list()
    with pytest.raises(UserError, match="REMIT_TOKEN"):
        AsyncClient(url)


async def test_what_is_busy_is_tried_again_when_it_says_and_begins_one_run(
    app: App, remit: AsyncClient, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(app, finish("ok"))
    tries = iter((True, True, False))
    admit = app.openings.admit

    async def full(*args: Any) -> None:
        if next(tries):
            raise Busy("too many runs are open.", 7)
        await admit(*args)

    monkeypatch.setattr(app.openings, "admit", full)
    await remit.runs.create(SPEC, "go")
    assert waited == [7, 7]
    assert len([row async for row in remit.runs.list()]) == 1

    async def always(*args: Any) -> None:
        raise Busy("too many runs are open.", 7)

    monkeypatch.setattr(app.openings, "admit", always)
    with pytest.raises(TooMuch):
        await remit.runs.create(SPEC, "go")

    async def long(*args: Any) -> None:
        raise Busy("too many runs are open.", 7000)

    monkeypatch.setattr(app.openings, "admit", long)
    waited.clear()
    with pytest.raises(TooMuch, match="7000"):
        await remit.runs.create(SPEC, "go")
    assert waited == []


class Broken(httpx.AsyncHTTPTransport):
    """A line that breaks: after the server has begun, or in the middle of a stream."""

    def __init__(self, breaks: int, after: int = 0) -> None:
        super().__init__()
        self.breaks, self.after = breaks, after
        self.sent: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        answer = await super().handle_async_request(request)
        if self.breaks <= 0:
            return answer
        self.breaks -= 1
        if not self.after:
            await answer.aread()
            await answer.aclose()
            raise httpx.ReadError("the line broke", request=request)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=_Cut(answer, self.after))


class _Cut(httpx.AsyncByteStream):
    def __init__(self, answer: httpx.Response, after: int) -> None:
        self.answer, self.after = answer, after

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = b""
        async for chunk in self.answer.aiter_raw():
            read += chunk
            if len(read) > self.after:
                yield read[: self.after]
                raise httpx.ReadError("the line broke")
        yield read

    async def aclose(self) -> None:
        await self.answer.aclose()


def over(remit: AsyncClient, transport: httpx.AsyncBaseTransport) -> None:
    """Have it call over that."""
    remit._wire.client._transport = transport


async def test_a_run_whose_answer_was_lost_is_begun_once(
    app: App, remit: AsyncClient, waited: list[float]
) -> None:
    scripted(app, finish("ok"))
    over(remit, line := Broken(1))
    run = await remit.runs.create(SPEC, "go")
    assert len({request.headers["idempotency-key"] for request in line.sent}) == 1
    assert [row.id async for row in remit.runs.list()] == [run.id]


async def test_a_word_whose_answer_was_lost_is_not_said_again(
    app: App, remit: AsyncClient, waited: list[float]
) -> None:
    scripted(app, SEND)
    run = await remit.runs.wait((await remit.runs.create(SPEC, "go")).id)
    over(remit, line := Broken(1))
    with pytest.raises(Unreachable):
        await remit.asks.reject(run.asks[0])
    assert len(line.sent) == 1


async def test_a_stream_that_breaks_is_taken_up_where_it_was(
    app: App, remit: AsyncClient, waited: list[float]
) -> None:
    scripted(app, SEND)
    run = await remit.runs.wait((await remit.runs.create(SPEC, "go")).id)
    await remit.runs.cancel(run.id)
    over(remit, line := Broken(2, after=700))
    seen = [event.seq async for event in remit.runs.events(run.id)]
    assert seen == list(range(1, len(await app.journal.read(run.id)) + 1))
    assert len(line.sent) == 3
    over(remit, Broken(100))
    with pytest.raises(Unreachable):
        await anext(remit.runs.events(run.id))


async def test_a_stream_whose_token_is_revoked_ends_with_what_is_wrong(
    app: App, remit: AsyncClient, waited: Any
) -> None:
    scripted(app, SEND)
    run = await remit.runs.wait((await remit.runs.create(SPEC, "go")).id)
    following = remit.runs.events(run.id, run.events - 1)
    assert (await anext(following)).seq == run.events
    await revoke_token(app.store, "t0", "ann")
    remit._wire.client.headers["authorization"] = "Bearer remit_no"
    over(remit, httpx.AsyncHTTPTransport())
    with pytest.raises(NotSignedIn):
        await anext(remit.runs.events(run.id))
    await following.aclose()


async def test_what_is_no_answer_of_remits_is_said_to_be_none(waited: list[float]) -> None:
    remit = AsyncClient("http://x.example", "remit_no", tries=2)
    over(remit, httpx.MockTransport(lambda request: httpx.Response(503, text="<h1>Down</h1>")))
    with pytest.raises(Unavailable, match="is the address Remit's"):
        await remit.agents.list()
    assert len(waited) == 1


def test_importing_the_client_brings_nothing_of_the_server() -> None:
    code = "import sys, remit.client; print(*sorted(m for m in sys.modules if m.startswith(('remit', 'httpx', 'fastapi', 'psycopg'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    beside = {name for name in done.stdout.split() if not name.startswith("remit.client")}
    assert beside == {"remit", "remit.errors", "remit.webhooks", "remit.webhooks.sign"}


@pytest.mark.parametrize("kind", ["with Client() as remit", "asyncio.run"])
async def test_an_example_of_the_page_runs_as_it_stands(
    app: App, url: str, tmp_path: Path, kind: str
) -> None:
    (code,) = [
        block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if kind in block
    ]
    (tmp_path / "example.py").write_text(code)
    out = call("http_request", method="POST", url="https://shop.example/", body="two")
    app.models["auto"] = ScriptedModel([out, finish("May."), finish("May.")], by_turn=True)
    _, secret = await add_token(
        app.store, "page", "ann", ("runs:read", "runs:write", "approvals:write"), None
    )
    done = await asyncio.create_subprocess_exec(
        sys.executable, str(tmp_path / "example.py"), env={**os.environ, "REMIT_URL": url, "REMIT_TOKEN": secret},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    printed, wrong = await done.communicate()
    assert done.returncode == 0, wrong.decode()
    assert "asked" in printed.decode()
    assert "cannot verify May." in printed.decode()
