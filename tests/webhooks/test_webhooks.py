"""Others are told of what happens in runs: what they asked for and nothing that was said there, signed, until they have it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from remit.access.audit import entries
from remit.access.people import arrive
from remit.agents.spec import Agent
from remit.app import App, open_app
from remit.errors import UnknownName, UserError
from remit.settings import Settings
from remit.store.store import Store
from remit.testing import ScriptedModel
from remit.webhooks import deliver, kept
from remit.webhooks.deliver import Delivery, list_deliveries, resend, try_out
from remit.webhooks.kept import EVENTS, Webhook, add_webhook
from remit.webhooks.send import send
from remit.webhooks.sign import BadSignature, new_secret, signed, verify
from tests.agents import world
from tests.agents.test_loop import agent, call, finish
from tests.webhooks.receiver import Receiver, receiving

Json = Any
SEND = call("send", to="x@y.example", text="a secret of the customer's")
ALLOW = "127.0.0.1"


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    world.reset()
    async with open_app(settings.model_copy(update={"webhook_allow": (ALLOW,)})) as opened:
        await arrive(opened.store, "ann")
        yield opened


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as one:
        yield one


async def hook(app: App, receiver: Receiver, *events: str, agents: Any = ()) -> tuple[Webhook, str]:
    return await add_webhook(app.store, receiver.url, events or tuple(EVENTS), agents, "ann")


async def one_run(app: App, *script: Any, of: Agent | None = None, goal: str = "write to them") -> UUID:
    model = ScriptedModel([*script], by_turn=True)
    run = await app.start(of or agent(), goal, model=model)
    await app.advance(run)
    return run


async def told(app: App, webhook: Webhook) -> list[tuple[str, Json]]:
    """What is to be told, or was, in the order in which it happened."""
    found = await list_deliveries(app.store, webhook.id, limit=200)
    return [(one.type, one.message["data"]) for one in reversed(found)]


async def passed(store: Store) -> None:
    """The time until the next try."""
    async with store.pool.connection() as connection:
        await connection.execute("update deliveries set due_at = clock_timestamp() where state = 'due'")


async def until_sent(app: App, receiver: Receiver, many: int) -> None:
    stop = asyncio.Event()
    sending = asyncio.create_task(deliver.deliver(app.store, stop))
    while len(receiver.got) < many:
        await receiver.came.wait()
    stop.set()
    await sending


async def the_only(app: App, webhook: Webhook) -> Delivery:
    (one,) = await list_deliveries(app.store, webhook.id)
    return one


async def test_what_a_run_asks_and_how_it_ends_is_told_without_a_word_of_it(
    app: App, receiver: Receiver
) -> None:
    webhook, secret = await hook(app, receiver)
    run = await one_run(app, SEND, finish("It is done."))
    await app.answer(run, "reject", "ann", "no")
    await app.advance(run)
    about = {"run": str(run), "agent": "shop"}
    found = await told(app, webhook)
    assert all(data.pop("expires") for kind, data in found if kind == "approval.asked")
    assert sorted(found, key=str) == sorted(
        [
            ("approval.asked", about | {"ask": "a1.1", "kind": "approval"}),
            ("run.waiting", about | {"status": "waiting"}),
            ("run.finished", about | {"status": "cannot verify"}),
        ],
        key=str,
    )
    await until_sent(app, receiver, 3)
    for headers, body in receiver.got:
        message = verify(body, headers, secret)
        assert set(message) == {"type", "timestamp", "data"}
        for said in (b"customer", b"example", b"write to them", b"done"):
            assert said not in body
    assert {one.state for one in await list_deliveries(app.store, webhook.id)} == {"done"}


async def test_only_what_was_asked_for_is_told_and_only_of_those_agents(app: App, receiver: Receiver) -> None:
    ends, _ = await hook(app, receiver, "run.finished", agents=("other",))
    asks, _ = await hook(app, receiver, "approval.asked")
    await one_run(app, finish("ok"))
    await one_run(app, SEND)
    other = await one_run(app, finish("ok"), of=agent(name="other"))
    assert await told(app, ends) == [
        ("run.finished", {"run": str(other), "agent": "other", "status": "cannot verify"})
    ]
    assert [type for type, _ in await told(app, asks)] == ["approval.asked"]


async def test_an_effect_that_failed_is_told_once_when_the_run_rests(
    app: App, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(what: str, key: str) -> None:
        raise OSError("the shop is closed")

    monkeypatch.setattr(world, "happened", broken)
    webhook, _ = await hook(app, receiver, "effect.failed", "question.asked")
    run = await one_run(app, call("charge", amount=5), call("ask_person", question="and now?"), finish("no"))
    await app.answer(run, "answer", "ann", "stop")
    await app.advance(run)
    types = [(kind, data.get("call"), data.get("outcome")) for kind, data in await told(app, webhook)]
    assert sorted(types, key=str) == [("effect.failed", "1.1", "failed"), ("question.asked", None, None)]


async def test_what_is_not_received_is_sent_again_later_and_later_and_then_laid_aside(
    app: App, receiver: Receiver
) -> None:
    webhook, _ = await hook(app, receiver, "run.finished")
    await one_run(app, finish("ok"))
    receiver.answers = [500] * 20
    waits = []
    for tries in range(1, 11):
        await passed(app.store)
        (claimed,) = await deliver._claim(app.store, 5)
        settled = await deliver.attempt(app.store, claimed)
        assert (settled.attempts, settled.status, settled.said) == (tries, 500, ("no " * 1000)[:300])
        if settled.state == "due" and claimed.tried_at:
            waits.append((settled.due_at - claimed.tried_at).total_seconds())
    assert settled.state == "dead"
    assert waits[:6] == sorted(waits[:6])  # of the last, their jitter may turn two round
    assert 0.8 * 3 * 86_400 < sum(waits) < 1.2 * 3.5 * 86_400
    assert len(set(receiver.numbers)) == 1
    assert (await kept.get_webhook(app.store, webhook.id)).failing_since is not None
    again = await resend(app.store, webhook.id, settled.id)
    assert (again.state, again.attempts) == ("due", 1)
    receiver.answers.clear()
    assert (await resend(app.store, webhook.id, settled.id)).state == "done"
    assert len(set(receiver.numbers)) == 1
    assert (await kept.get_webhook(app.store, webhook.id)).failing_since is None


async def test_who_has_not_answered_for_days_is_told_nothing_until_somebody_says_so(
    app: App, receiver: Receiver
) -> None:
    webhook, _ = await hook(app, receiver, "run.finished")
    await one_run(app, finish("ok"))
    receiver.answers = [500]
    async with app.store.pool.connection() as connection:
        await connection.execute("update webhooks set failing_since = clock_timestamp() - interval '4 days'")
        await connection.execute("update deliveries set attempts = 9")
    (claimed,) = await deliver._claim(app.store, 5)
    assert (await deliver.attempt(app.store, claimed)).state == "dead"
    disabled = await kept.get_webhook(app.store, webhook.id)
    assert disabled.disabled_why == "nothing was received for 3 days"
    assert [one.what for one in await entries(app.store, what="webhook")] == [
        "webhook.disabled",
        "webhook.added",
    ]
    await one_run(app, finish("ok"))
    assert len(await told(app, webhook)) == 1
    await kept.enable(app.store, webhook.id, "ann")
    await one_run(app, finish("ok"))
    assert len(await told(app, webhook)) == 2


async def test_who_says_that_it_is_gone_is_told_nothing_more(app: App, receiver: Receiver) -> None:
    webhook, _ = await hook(app, receiver, "run.finished")
    await one_run(app, finish("ok"))
    receiver.answers = [410]
    (claimed,) = await deliver._claim(app.store, 5)
    assert (await deliver.attempt(app.store, claimed)).state == "dead"
    assert "410" in (await kept.get_webhook(app.store, webhook.id)).disabled_why


async def test_a_sender_that_is_killed_before_it_wrote_down_what_it_sent_loses_nothing(
    app: App, receiver: Receiver
) -> None:
    webhook, secret = await hook(app, receiver, "run.finished")
    run = await one_run(app, finish("ok"))
    settings = app.settings
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.webhooks.dies", str(settings.database_url), str(settings.data_dir), ALLOW,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert await child.wait() == -signal.SIGKILL
    assert len(receiver.got) == 1
    held = await the_only(app, webhook)
    assert (held.state, held.attempts) == ("due", 1)
    assert await deliver._claim(app.store, 5) == []  # it may live still
    await passed(app.store)
    await until_sent(app, receiver, 2)
    assert (await the_only(app, webhook)).state == "done"
    assert receiver.numbers == [held.number] * 2
    assert {verify(body, headers, secret)["data"]["run"] for headers, body in receiver.got} == {str(run)}


async def test_two_who_send_at_once_send_each_message_once(app: App, receiver: Receiver) -> None:
    await hook(app, receiver, "run.finished")
    for _ in range(6):
        await one_run(app, finish("ok"))
    found = await asyncio.gather(*(deliver._claim(app.store, 4) for _ in range(3)))
    claimed = [one.id for several in found for one in several]
    assert len(claimed) == len(set(claimed)) == 6


async def test_who_was_slower_than_their_claim_does_not_undo_what_another_wrote(
    app: App, receiver: Receiver
) -> None:
    webhook, _ = await hook(app, receiver, "run.finished")
    await one_run(app, finish("ok"))
    (slow,) = await deliver._claim(app.store, 5)
    await passed(app.store)
    (quick,) = await deliver._claim(app.store, 5)
    assert (await deliver.attempt(app.store, quick)).state == "done"
    receiver.answers = [500]
    await deliver.attempt(app.store, slow)
    assert (await the_only(app, webhook)).state == "done"


async def test_for_a_day_both_secrets_sign(app: App, receiver: Receiver) -> None:
    webhook, old = await hook(app, receiver)
    new = await kept.rotate(app.store, webhook.id, "ann")
    await try_out(app.store, webhook.id, "ann")
    headers, body = receiver.got[-1]
    for secret in (old, new):
        assert verify(body, headers, secret)["type"] == "webhook.test"
    async with app.store.pool.connection() as connection:
        await connection.execute("update webhooks set before_until = clock_timestamp()")
    await try_out(app.store, webhook.id, "ann")
    headers, body = receiver.got[-1]
    verify(body, headers, new)
    with pytest.raises(BadSignature):
        verify(body, headers, old)
    async with app.store.pool.connection() as connection:
        row = await (
            await connection.execute("select webhooks::text, audit::text from webhooks, audit")
        ).fetchone()
    assert row
    assert new.removeprefix("whsec_") not in str(row)
    assert "s3cret" not in row[1]


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/hook", "https://", "ftp://127.0.0.1/", "https://ann:pw@shop.example/", "x",
        "http://127.0.0.2/", "http://127.0.0.1.nip.io/",
    ],
)  # fmt: skip
async def test_where_nothing_may_go_no_webhook_is_added(app: App, url: str) -> None:
    with pytest.raises(UserError, match="url:"):
        await add_webhook(app.store, url, ["run.finished"], [], "ann")


async def test_what_is_wrong_with_a_webhook_is_said(app: App) -> None:
    with pytest.raises(UnknownName, match=r"Did you mean 'run\.finished'"):
        await add_webhook(app.store, "https://shop.example", ["run.finish"], [], "ann")
    with pytest.raises(UserError, match="of what"):
        await add_webhook(app.store, "https://shop.example", [], [], "ann")
    with pytest.raises(UnknownName):
        await kept.get_webhook(app.store, UUID(int=0))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "10.0.0.8", "169.254.169.254", "[::ffff:127.0.0.1]", "localhost", "2130706433"],
)
async def test_no_message_reaches_a_private_address_that_nobody_allowed(host: str) -> None:
    outcome = await send(f"https://{host}/hook", {}, b"{}", ())
    assert outcome.status == 0
    assert "not a public address" in outcome.said


async def test_a_redirect_is_not_followed(app: App, receiver: Receiver) -> None:
    webhook, _ = await hook(app, receiver)
    receiver.answers = [307]
    sent = await try_out(app.store, webhook.id, "ann")
    assert (sent.state, sent.status, len(receiver.got)) == ("due", 307, 1)


def test_the_signature_is_the_standards() -> None:
    """The example of https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"""
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body, [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert verify(body, headers, secret, now=1614265331) == json.loads(body)


def test_a_message_that_was_changed_is_old_or_another_s_is_not_believed() -> None:
    secret, body = new_secret(), b"{}"
    good = signed("msg_1", 1000, body, [secret])
    for change, at in (
        ({"webhook-id": "msg_2"}, 1000), ({"webhook-timestamp": "1001"}, 1000), ({}, 1301), ({}, 699),
        ({"webhook-signature": "v1,"}, 1000), ({"webhook-signature": "v1a,AAAA"}, 1000), ({"webhook-timestamp": "x"}, 1000),
    ):  # fmt: skip
        with pytest.raises(BadSignature):
            verify(body, good | change, secret, now=at)
    with pytest.raises(BadSignature):
        verify(b"{ }", good, secret, now=1000)
    with pytest.raises(BadSignature):
        verify(body, good, new_secret(), now=1000)
    capitals = {name.title(): value for name, value in good.items()}
    assert verify(body, capitals, secret, now=1000) == {}
