"""Templates by SMS, WhatsApp and Slack: sent by a run without a model to what is the person's own, in words that say how it ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from remit.acting.begin import look
from remit.app import App
from remit.connections.kept import linked_of, set_connection
from remit.decisions.worded import warnings_of
from remit.errors import SpecError
from remit.graph.ingest import take
from remit.graph.people import profile_of
from remit.playbook import playbook_of
from remit.store.secrets import set_secret
from tests.acting.test_acting import decided, done, nobody
from tests.channels.test_slack import SIGNING, Team, team
from tests.channels.test_slack import TOKEN as SLACK_TOKEN
from tests.channels.test_sms import app, twilio
from tests.channels.twilio_server import ANN, OURS, Twilio
from tests.decisions.town import playbook, rows

__all__ = ["app", "team", "twilio"]
Json = Any
APPROVED = "HX" + "0123456789abcdef" * 2
TEXT = f"""
actions:
- {{name: text, does: send, channel: sms, what: sale}}
- {{name: told, does: send, channel: sms, what: sale, purpose: service}}
- {{name: chat, does: send, channel: whatsapp, what: sale}}
- {{name: ping, does: send, channel: slack, what: sale, purpose: service}}
templates:
  sale: {{text: "Hello {{first_name|you}}, new prices.", approved: {APPROVED}, variables: {{"1": "{{first_name|you}}"}}}}
through: {{sms: line, whatsapp: line, slack: chat}}
rules: {{zone: Europe/Berlin, consent: {{marketing: not no}}}}
holdout: 0
"""


async def ann(app: App, **more: Json) -> int:
    now = datetime.now(UTC).isoformat()
    row = {
        "id": "v1",
        "at": now,
        "kind": "visit",
        "channel": "web",
        "phone": ANN,
        "verified": ["phone"],
        "name": "Ann Ash",
    }
    yes = [
        {"id": f"yes {channel}", "at": now, "kind": "consent_given", "channel": channel, "phone": ANN,
         "properties": {"purpose": "marketing", "channel": channel}}
        for channel in ("sms", "whatsapp")
    ]  # fmt: skip
    assert (await take(app.store, list(enumerate([row | more, *yes], 1)), "shop")).set_aside == ()
    return await profile_of(app.store, ANN)


async def send(app: App, action: str) -> Json:
    """What the one call came to of a run that carries the action out for Ann."""
    one = await playbook(app.store, text=TEXT)
    await decided(app, one, action, await ann(app))
    call = (await done(app)).calls["1.1"]
    assert call.judged is not None
    assert call.acted is not None
    assert call.judged.decision == "allow"
    return call.acted.result


async def test_a_template_goes_by_sms_to_the_persons_own_number_and_says_how_it_ends(
    app: App, twilio: Twilio
) -> None:
    assert (await send(app, "text"))["to"] == ANN
    (sent,) = twilio.sent
    assert (sent["from"], sent["body"]) == (OURS, "Hello Ann, new prices.\nReply STOP to end this.")
    assert await rows(app.store, "select action, channel, purpose, state from contacts") == [
        ("text", "sms", "marketing", "sent")
    ]


async def test_what_somebody_must_be_told_has_no_words_of_advertising(app: App, twilio: Twilio) -> None:
    await send(app, "told")
    assert twilio.sent[0]["body"] == "Hello Ann, new prices."


async def test_one_whose_answer_was_lost_is_known_by_its_words_with_those_below(
    app: App, twilio: Twilio
) -> None:
    twilio.loses = True
    assert (await send(app, "text"))["sent"]
    assert (twilio.asked, len(twilio.sent)) == (1, 1)


@pytest.mark.parametrize(("ago", "approved"), [(1, False), (25, True)])
async def test_whatsapp_takes_the_words_within_a_day_of_what_they_wrote_and_then_what_it_has_approved(
    app: App, twilio: Twilio, ago: int, approved: bool
) -> None:
    twilio.came("Hi", f"whatsapp:{ANN}", f"whatsapp:{OURS}", timedelta(hours=ago))
    await send(app, "chat")
    told = f'template {APPROVED} {{"1": "Ann"}}'
    assert twilio.sent[0]["body"] == (told if approved else "Hello Ann, new prices.\nReply STOP to end this.")


async def test_who_wrote_stop_is_not_decided_for_by_sms(app: App, twilio: Twilio) -> None:
    one = await playbook(app.store, text=TEXT)
    person = await ann(app)
    stop = {
        "id": "stop",
        "at": datetime.now(UTC).isoformat(),
        "kind": "consent_withdrawn",
        "channel": "sms",
        "phone": ANN,
    }
    await take(app.store, [(1, stop)], "twilio")
    await decided(app, one, "text", person)
    call = (await done(app)).calls["1.1"]
    assert call.acted is not None
    assert (twilio.sent, call.acted.status) == ([], "denied")


async def test_who_has_no_number_gets_nothing_and_it_says_why(app: App) -> None:
    one = await playbook(app.store, text=TEXT)
    row = {
        "id": "v2",
        "at": datetime.now(UTC).isoformat(),
        "kind": "visit",
        "channel": "web",
        "email": "bo@b.example",
    }
    await take(app.store, [(1, row)], "shop")
    await decided(app, one, "text", await profile_of(app.store, "bo@b.example"))
    assert await look(app, nobody) == 1
    assert await rows(app.store, "select state, why from decision_acts") == [
        ("failed", "bo@b.example has no number that is their own and has not bounced")
    ]


@pytest.fixture
async def chat(app: App, team: Team) -> Team:
    for name, value in (("TOKEN", SLACK_TOKEN), ("SIGNING", SIGNING)):
        await set_secret(app.store, name, value, "ann")
    said = {"slack": f"http://127.0.0.1:{team.port}/api", "headers": {"Authorization": "Bearer secret:TOKEN"}}
    await set_connection(app.store, "chat", linked_of("chat", said), "ann")
    return team


async def test_a_template_goes_by_slack_to_the_persons_own_account(app: App, chat: Team) -> None:
    await ann(app, customer="c1", handle="slack:U1ABC")
    await send(app, "ping")
    assert [(one["channel"], one["text"]) for one in chat.posts] == [("U1ABC", "Hello Ann, new prices.")]


def test_saving_says_what_an_sms_will_cost_and_what_whatsapp_will_not_take() -> None:
    text = TEXT.replace(f', approved: {APPROVED}, variables: {{"1": "{{first_name|you}}"}}', "")
    long = text.replace(
        "new prices.", "new prices for all that you had looked at lately, also the blue one." * 2
    )
    assert [one.partition(": ")[2] for one in warnings_of(playbook_of(text))] == [
        "it reaches only who has written within 24 hours: say an approved template too, as approved: HX…"
    ]
    (first, *_) = warnings_of(playbook_of(long))
    assert "charged as 2 messages" in first
    assert "Reply STOP to end this." in first
    (odd, *_) = warnings_of(playbook_of(long.replace("new prices", "new “prices”")))
    assert "charged as 3 messages, as '“' is not in the alphabet of SMS" in odd
    with pytest.raises(SpecError, match="templates go by email, sms, whatsapp, slack"):
        playbook_of(text.replace("channel: slack", "channel: fax"))
