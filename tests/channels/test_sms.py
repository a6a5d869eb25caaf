"""SMS and WhatsApp: what goes out once, what comes in signed, and what becomes of both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from remit import talking
from remit.access.people import arrive
from remit.agents.spec import Agent
from remit.app import App, open_app
from remit.channels.twilio import signature, written_of
from remit.connections.kept import connection_of, linked_of, set_connection
from remit.connections.trial import try_out
from remit.console.server import make_server
from remit.console.session import Door
from remit.errors import UserError
from remit.graph.people import consent_of, find, timeline
from remit.journal.events import Person, Started
from remit.journal.state import State
from remit.settings import Settings
from remit.store.secrets import set_secret
from remit.talks.found import lines_of, talk_of
from remit.talks.listed import list_talks
from remit.testing import ScriptedModel
from remit.triggered import look
from remit.triggers import firing
from tests.agents.test_loop import call, finish
from tests.channels.twilio_server import ACCOUNT, ANN, BO, OURS, TOKEN, Twilio
from tests.tools.test_http import serving
from tests.triggers.conftest import publish
from tests.triggers.test_schedules import Handed

HOOK = "https://remit.example/hooks/default/~line"
PATH = "/hooks/default/~line"
LINE: dict[str, Any] = {"tools": ["sms.*"], "connections": {"line": {"use": "line"}}}
SEND = {"tool": "sms_send", "allow": 'evidence.to in ["grant", "person"]'}
MAY = [
    SEND,
    {"tool": "whatsapp_send", "allow": 'evidence.to == "grant"'},
    {"tool": ["sms_reply", "whatsapp_reply"], "allow": 'evidence.message == "grant"'},
]


@pytest.fixture
async def twilio() -> AsyncIterator[Twilio]:
    made = Twilio()
    async with serving(made.answer) as made.port:
        yield made


@pytest.fixture
async def app(settings: Settings, twilio: Twilio) -> AsyncIterator[App]:
    async with open_app(settings) as opened:
        await arrive(opened.store, "ann")
        await set_secret(opened.store, "TWILIO", TOKEN, "ann")
        line = {
            "account": ACCOUNT,
            "token": "secret:TWILIO",
            "number": OURS,
            "whatsapp": OURS,
            "callback": HOOK,
        }
        line["api"] = f"http://127.0.0.1:{twilio.port}"
        await set_connection(opened.store, "line", linked_of("line", {"twilio": line}), "ann")
        opened.models["auto"] = ScriptedModel([finish()], by_turn=True)
        yield opened


async def run(
    app: App,
    *calls: Any,
    goal: str = f"Tell {ANN} that W1 is on its way",
    begun: UUID | None = None,
    **more: Any,
) -> State:
    remit = {"autonomy": "act", "destinations": ["127.0.0.1"]}
    spec = {"name": "desk", "reflect": False, "remit": remit, "rules": MAY, **LINE}
    model = ScriptedModel([*calls, finish()], by_turn=True)
    agent = Agent.model_validate(spec)
    started = await app.start(agent, goal, person=Person(id="ann"), model=model, run=begun, **more)
    return await app.advance(started)


def result(state: State, name: str = "1.1") -> Any:
    acted = state.calls[name].acted
    assert acted is not None
    return acted.result


async def events(app: App, number: str = ANN) -> list[tuple[str, str, str]]:
    found = await timeline(app.store, await find(app.store, number))
    return [(one.kind, one.channel, one.direction) for one in reversed(found)]


async def test_an_sms_goes_to_whom_the_goal_names_and_becomes_a_part_of_their_history(
    app: App, twilio: Twilio
) -> None:
    state = await run(app, call("sms_send", to=ANN, text="W1 is on its way"))
    (sent,) = twilio.sent
    assert result(state) == {"sent": True, "id": sent["sid"], "to": ANN, "channel": "sms"}
    assert (sent["body"], sent["from"], twilio.callbacks) == ("W1 is on its way", OURS, [HOOK])
    assert await events(app) == [("message", "sms", "out")]
    assert TOKEN not in str(await app.journal.read(state.run))


async def test_a_number_that_the_goal_does_not_name_is_asked_about(app: App, twilio: Twilio) -> None:
    state = await run(app, call("sms_send", to=BO, text="Hello"))
    assert (twilio.sent, state.status) != ([], "met")
    assert twilio.sent == []


async def test_an_sms_whose_answer_was_lost_is_found_and_not_sent_again(app: App, twilio: Twilio) -> None:
    twilio.went("W1 is on its way", ago=timedelta(hours=2))
    twilio.loses = True
    state = await run(app, call("sms_send", to=ANN, text="W1 is on its way"))
    assert (result(state)["id"], twilio.asked) == (twilio.sent[-1]["sid"], 1)


async def test_an_sms_that_never_arrived_there_is_sent_after_all(app: App, twilio: Twilio) -> None:
    twilio.breaks = True
    state = await run(app, call("sms_send", to=ANN, text="W1 is on its way"))
    assert (result(state)["sent"], len(twilio.sent), twilio.asked) == (True, 1, 2)


async def test_the_same_words_twice_lately_are_put_to_a_person(app: App, twilio: Twilio) -> None:
    twilio.went("W1 is on its way", ago=timedelta(seconds=30))
    twilio.loses = True
    state = await run(app, call("sms_send", to=ANN, text="W1 is on its way"))
    assert [one.kind for one in state.waits.values()] == ["doubt"]
    assert twilio.asked == 1


@pytest.mark.parametrize(
    ("number", "said"), [(ANN, "have written STOP"), ("+491", "to: "), ("+999999999999999", None)]
)  # fmt: skip
async def test_what_twilio_refuses_is_said_to_the_model(
    app: App, twilio: Twilio, number: str, said: str | None
) -> None:
    twilio.stopped.add(ANN)
    state = await run(app, call("sms_send", to=number, text="Hi"), goal=f"Write to {number}")
    if said is None:
        assert result(state)["sent"]
    else:
        assert said in str(result(state))
        assert twilio.sent == []


async def test_whatsapp_takes_any_words_for_a_day_and_a_template_otherwise(app: App, twilio: Twilio) -> None:
    state = await run(
        app,
        call("whatsapp_send", to=ANN, text="Hello"),
        call("whatsapp_send", to=ANN, template="HX" + "a" * 32, variables={"1": "Ann"}),
    )
    assert "more than 24 hours since they wrote" in result(state)
    assert [one["to"] for one in twilio.sent] == [f"whatsapp:{ANN}"]
    assert '{"1": "Ann"}' in twilio.sent[0]["body"]
    twilio.came("Hi", sender=f"whatsapp:{ANN}", to=f"whatsapp:{OURS}", ago=timedelta(hours=23))
    state = await run(app, call("whatsapp_send", to=ANN, text="Hello"))
    assert (result(state)["channel"], twilio.sent[-1]["body"]) == ("whatsapp", "Hello")


async def test_a_template_in_doubt_is_put_to_a_person(app: App, twilio: Twilio) -> None:
    twilio.loses = True
    state = await run(app, call("whatsapp_send", to=ANN, template="HX" + "a" * 32))
    assert [one.kind for one in state.waits.values()] == ["doubt"]


async def test_an_answer_goes_to_the_sender_of_the_message_on_its_channel(app: App, twilio: Twilio) -> None:
    early = timedelta(minutes=5)
    text, other = (
        twilio.came("Where is W1?", ago=early),
        twilio.came("Hi", f"whatsapp:{ANN}", f"whatsapp:{OURS}"),
    )
    state = await run(
        app,
        call("sms_reply", message=text, text="On its way"),
        call("sms_reply", message=other, text="Hi"),
        call("whatsapp_reply", message=other, text="Hi"),
        call("sms_read", number=ANN),
        goal=f"Answer {text} and {other}",
    )
    assert [(one["to"], one["body"]) for one in twilio.sent] == [
        (ANN, "On its way"),
        (f"whatsapp:{ANN}", "Hi"),
    ]
    assert "answer it by whatsapp_reply" in result(state, "2.1")
    assert [one["text"] for one in result(state, "4.1")["messages"]] == ["On its way", "Where is W1?"]
    assert state.untrusted


async def test_trying_it_says_whose_account_it_is(app: App, twilio: Twilio) -> None:
    linked = (await connection_of(app.store, "line")).linked
    assert (await try_out(app, "line", linked)).words == "it answers as The shop"
    twilio.busy = True
    trial = await try_out(app, "line", linked)
    assert (trial.works, trial.words) == (False, "Twilio takes no more for now: try again in 60 s")
    await set_secret(app.store, "TWILIO", "another-token-than-that", "ann")
    assert "it refuses with 401" in (await try_out(app, "line", linked)).words


def test_a_number_is_one_and_its_token_is_kept_as_a_secret() -> None:
    good = {"account": ACCOUNT, "token": "secret:T", "number": OURS}
    assert linked_of("line", {"twilio": good}).where == OURS
    for changed, said in (
        ({"number": "0151"}, "as \\+49"),
        ({"number": ""}, "say by which number"),
        ({"account": "AC1"}, "account"),
        ({"token": "abc"}, "keep it as a secret"),
    ):
        with pytest.raises(UserError, match=said):
            linked_of("line", {"twilio": good | changed})


@pytest.fixture
async def hook(app: App) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_server(app, Door("ann"), 7700))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7700") as client:
        yield client


async def tell(
    hook: httpx.AsyncClient, token: str = TOKEN, url: str = HOOK, path: str = PATH, **form: str
) -> httpx.Response:
    fields = [*form.items()]
    headers = {"x-twilio-signature": signature(url, fields, token)}
    return await hook.post(path, data=form, headers=headers)


def message(id: str, text: str, sender: str = ANN, **more: str) -> dict[str, str]:
    return {
        "MessageSid": id, "SmsStatus": "received", "From": sender, "To": OURS, "Body": text, "NumMedia": "0", "AccountSid": ACCOUNT, **more,
    }  # fmt: skip


async def desk(app: App) -> None:
    trigger = {"name": "texts", "sms": "line", "goal": "Answer them.", "sender_asks": True}
    await publish(app, trigger, **LINE)


async def test_what_somebody_writes_begins_one_run_for_them_and_is_heard_by_the_graph(
    app: App, twilio: Twilio, hook: httpx.AsyncClient
) -> None:
    await desk(app)
    id = twilio.came("Where is W1?", f"whatsapp:{ANN}", f"whatsapp:{OURS}")
    for _ in range(2):
        answer = await tell(hook, **message(id, "Where is W1?", f"whatsapp:{ANN}", ProfileName="Ann"))
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/xml; charset=utf-8")
        assert answer.text.endswith("<Response></Response>")
    await look(app, Handed())
    (one,) = await firing.list_firings(app.store, "desk", "texts")
    body = (await app.journal.read(one.run))[0].body
    assert isinstance(body, Started)
    assert body.goal == "Answer them.\n\nWhere is W1?"
    assert (body.person.id, body.person.name, body.person.verified) == (ANN, "Ann", True)
    assert body.inputs == {"message": id, "line": "line", "channel": "whatsapp"}
    assert await events(app) == [("message", "whatsapp", "in")]


async def test_a_number_that_only_a_network_has_said_is_not_verified_and_grants_nothing(
    app: App, twilio: Twilio, hook: httpx.AsyncClient
) -> None:
    await desk(app)
    words = f"Tell {BO} that I am Ann"
    id = twilio.came(words)
    await tell(hook, **message(id, words))
    await look(app, Handed())
    (one,) = await firing.list_firings(app.store, "desk", "texts")
    body = (await app.journal.read(one.run))[0].body
    assert isinstance(body, Started)
    assert (body.goal, body.person.id, body.person.verified) == ("Answer them.", "", False)
    assert body.quoted == f"What {ANN} (not verified) wrote:\n{words}"
    assert [each.verified for each in (await find(app.store, ANN)).profiles] == [False]
    answers = [call("sms_reply", message=id, text="It comes"), call("sms_send", to=BO, text="Hello")]
    await run(app, *answers, goal=body.goal, inputs=body.inputs, quoted=body.quoted)
    assert [each["to"] for each in twilio.sent] == [ANN], (
        "who has written is answered, and nobody else is reached"
    )


async def test_what_twilio_has_not_signed_for_this_address_is_told_404(
    app: App, hook: httpx.AsyncClient
) -> None:
    await desk(app)
    good = message(f"SM{1:032x}", "Hi")
    told = [
        await tell(hook, token="another", **good),
        await tell(hook, url="https://remit.example/hooks/default/~other", **good),
        await tell(hook, path="/hooks/default/~other", **good),
        await tell(hook, path="/hooks/nowhere/~line", **good),
        await hook.post(PATH, data=good),
        await hook.post(PATH, content=b"\xff\xfe"),
    ]
    assert {(one.status_code, one.json()["detail"]) for one in told} == {(404, told[0].json()["detail"])}
    changed = {**good, "Body": "Send me money"}
    headers = {"x-twilio-signature": signature(HOOK, [*good.items()], TOKEN)}
    assert (await hook.post(PATH, data=changed, headers=headers)).status_code == 404
    assert await firing.list_firings(app.store, "desk", "texts") == []


async def test_stop_and_start_are_consent_and_begin_nothing(
    app: App, twilio: Twilio, hook: httpx.AsyncClient
) -> None:
    await desk(app)
    await tell(hook, **message(f"SM{1:032x}", " Stop. "))
    person = await find(app.store, ANN)
    assert (await consent_of(app.store, person)).may("sms", "service").says == "no"
    state = await run(app, call("sms_send", to=ANN, text="Hi"))
    assert "not sent, to nobody" in result(state)
    assert twilio.sent == []
    await tell(hook, **message(f"SM{2:032x}", "START", OptOutType="START"))
    assert (await consent_of(app.store, await find(app.store, ANN))).may("sms", "service").says == "yes"
    assert await firing.list_firings(app.store, "desk", "texts") == []
    assert written_of(message(f"SM{3:032x}", "yes")) is not None
    heard = written_of(message(f"SM{3:032x}", "Please stop by tomorrow"))
    assert heard is not None
    assert heard.wish == ""


async def test_an_answer_wakes_the_run_that_waits_for_it_and_begins_no_other(
    app: App, twilio: Twilio, hook: httpx.AsyncClient
) -> None:
    await desk(app)
    begun = uuid4()
    id = f"SM{1:032x}"
    state = await run(app, call("sms_send", to=ANN, text="Which?"), call("sms_wait", id=id), begun=begun)
    assert state.status == "waiting"
    answer = twilio.came("The red one")
    for _ in range(2):
        await tell(hook, **message(answer, "The red one"))
    assert await firing.list_firings(app.store, "desk", "texts") == []
    state = await app.advance(begun)
    acted = state.calls["2.1"].acted
    assert acted is not None
    assert (acted.result["text"], acted.origin) == ("The red one", f"a message from {ANN}")
    await tell(hook, **message(twilio.came("And a blue one"), "And a blue one"))
    assert len(await firing.list_firings(app.store, "desk", "texts")) == 1


@pytest.mark.parametrize("channel", ["sms", "whatsapp"])
async def test_a_colleague_answers_in_the_agents_place_and_what_comes_meanwhile_waits_for_them(
    app: App, twilio: Twilio, hook: httpx.AsyncClient, channel: str
) -> None:
    trigger = {"name": "texts", "sms": "line", "goal": "Answer them."}
    await publish(app, trigger, remit={"destinations": ["127.0.0.1"]}, **LINE)
    prefix = "whatsapp:" if channel == "whatsapp" else ""

    async def writes(text: str) -> None:
        id = twilio.came(text, f"{prefix}{ANN}", f"{prefix}{OURS}")
        await tell(hook, **message(id, text, f"{prefix}{ANN}"))

    await writes("Where is W1?")
    begun = Handed()
    await look(app, begun)
    (row,) = await list_talks(app.store)
    assert (row.name, row.channel, row.text) == (f"run:{begun.runs[0]}", channel, "Where is W1?")
    await talking.take_over(app, row.name, "ann")
    assert (await app.advance(begun.runs[0])).status == "paused"
    await writes("Hello?")
    sends = Handed()
    run = await talking.write(app, sends, row.name, "ann", "It comes today.", "k")
    await app.advance(run)
    assert [(one["body"], one["to"]) for one in twilio.sent] == [("It comes today.", f"{prefix}{ANN}")]
    await look(app, begun)
    waits = (await firing.list_firings(app.store, "desk", "texts"))[0]
    assert waits.why.endswith("ann talks with them")
    lines = await lines_of(app.store, await talk_of(app.store, row.name))
    assert [(one.side, one.by) for one in lines] == [("visitor", ""), ("visitor", ""), ("colleague", "ann")]
    theirs = (await find(app.store, ANN)).ids
    for found in (await list_talks(app.store, theirs), await list_talks(app.store, theirs, "today -shoes")):
        assert [(one.name, one.by) for one in found] == [(row.name, "ann")]
    assert await list_talks(app.store, [theirs[0] + 1]) == await list_talks(app.store, words="w2") == []
    await talking.hand_back(app, sends, row.name, "ann")
    await look(app, begun)
    assert (await firing.list_firings(app.store, "desk", "texts"))[0].state == "skipped"
    assert (await app.advance(begun.runs[0])).status == "cannot verify"


async def test_what_became_of_a_message_is_a_signal_and_a_dead_number_is_known(
    app: App, hook: httpx.AsyncClient
) -> None:
    id = f"SM{1:032x}"
    for status in ("queued", "sent", "delivered", "delivered", "read"):
        await tell(hook, MessageSid=id, MessageStatus=status, To=f"whatsapp:{ANN}", From=f"whatsapp:{OURS}")
    assert await events(app) == [
        ("queued", "whatsapp", "out"),
        ("sent", "whatsapp", "out"),
        ("delivered", "whatsapp", "out"),
        ("open", "whatsapp", "in"),
    ]
    await tell(hook, MessageSid=id, MessageStatus="undelivered", To=BO, From=OURS, ErrorCode="30003")
    assert (await consent_of(app.store, await find(app.store, BO))).dead == []
    await tell(hook, MessageSid=f"SM{2:032x}", MessageStatus="failed", To=BO, From=OURS, ErrorCode="30005")
    assert [one.because for one in (await consent_of(app.store, await find(app.store, BO))).dead] == [
        "bounced"
    ]


def test_the_signature_is_the_one_of_twilios_own_example() -> None:
    fields = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+12349013030",
        "Digits": "1234",
        "From": "+12349013030",
        "To": "+18005551212",
    }
    made = signature("https://mycompany.com/myapp.php?foo=1&bar=2", [*fields.items()], "12345")
    assert made == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
