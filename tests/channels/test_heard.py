"""What comes by mail becomes a part of people's history: answers, what did not arrive, complaints; of each only what can be believed."""

from __future__ import annotations

import pytest

from remit import receiving
from remit.app import App
from remit.channels.parse import parse
from remit.graph.people import NoSuchPerson, find, timeline
from tests.channels.servers import Host, letter
from tests.channels.test_reach import MAY, mail
from tests.channels.test_receiving import at_once, following
from tests.channels.test_tools import result, run

_ = at_once
REPORT = """From: MAILER-DAEMON <>
To: desk@shop.example
Subject: report
Message-ID: <{id}@mx.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type={kind}; boundary=B

--B
Content-Type: text/plain

See below.
--B
Content-Type: message/{part}

{said}
--B
Content-Type: text/rfc822-headers

Message-ID: {about}
--B--
"""


def bounce(about: str, address: str = "ann@a.example", status: str = "5.1.1", id: str = "b1") -> bytes:
    said = f"Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; {address}\nAction: failed\nStatus: {status}\n"
    return REPORT.format(
        id=id, kind="delivery-status", part="delivery-status", said=said, about=about
    ).encode()


def complaint(about: str) -> bytes:
    said = "Feedback-Type: abuse\nUser-Agent: SomeGenerator/1.0\nVersion: 1\n"
    return REPORT.format(
        id="c1", kind="feedback-report", part="feedback-report", said=said, about=about
    ).encode()


async def kinds(app: App, address: str = "ann@a.example") -> list[str]:
    """In the order in which they came in: a host tells whole seconds."""
    events = await timeline(app.store, await find(app.store, address))
    return [one.kind for one in sorted(events, key=lambda one: one.id)]


async def test_an_answer_stands_in_the_conversation_that_it_answers(app: App, host: Host) -> None:
    await following(app)
    sent = result(await run(app, mail(), spec=MAY))["id"]
    for _ in range(2):  # as after a crash
        await host.put(letter("Yes please", In_Reply_To=sent, References=sent, Message_ID="<a1@a.example>"))
        await receiving.look(app)
    events = await timeline(app.store, await find(app.store, "ann@a.example"))
    assert {one.conversation for one in events} == {sent}
    assert [(one.kind, one.direction, one.body) for one in sorted(events, key=lambda one: one.id)] == [
        ("message", "out", "Hello"),
        ("reply", "in", "Yes please"),
    ]


async def test_an_address_from_which_mail_came_back_is_written_to_no_more(app: App, host: Host) -> None:
    await following(app)
    sent = result(await run(app, mail(), spec=MAY))["id"]
    await host.put(bounce(sent, status="4.2.2"))  # a full mailbox: not for good
    await receiving.look(app)
    assert result(await run(app, mail(), spec=MAY))["sent"]
    await host.put(bounce(sent, id="b2"))
    await receiving.look(app)
    assert "what was sent there came back" in result(await run(app, mail(), spec=MAY))


async def test_who_complains_is_left_alone(app: App, host: Host) -> None:
    await following(app)
    sent = result(await run(app, mail(), spec=MAY))["id"]
    await host.put(complaint(sent))
    await receiving.look(app)
    assert await kinds(app) == ["message", "complained"]
    assert "said no to service by email" in result(await run(app, mail(), spec=MAY))


async def test_nobody_is_cut_off_by_a_report_on_what_was_never_sent_to_them(app: App, host: Host) -> None:
    await following(app)
    sent = result(await run(app, mail("bo@b.example"), spec=MAY))["id"]
    await host.put(bounce(sent))  # of a message that went to somebody else
    await host.put(bounce("<remit.00000000000000000000000000000000.1.1@shop.example>", id="b3"))
    await host.put(complaint("<made.up@shop.example>"))
    await receiving.look(app)
    with pytest.raises(NoSuchPerson):
        await find(app.store, "ann@a.example")
    assert result(await run(app, mail(), spec=MAY))["sent"]


async def test_who_is_not_verified_checks_no_address_and_names_nobody(app: App, host: Host) -> None:
    await following(app)
    await host.put(letter("I am Ann", auth="dmarc=fail"))
    await receiving.look(app)
    person = await find(app.store, "ann@a.example")
    assert (person.name, [one.verified for one in person.profiles]) == ("", [False])
    await host.put(letter("I am Ann, really"))
    await receiving.look(app)
    person = await find(app.store, "ann@a.example")
    assert (person.name, [one.verified for one in person.profiles]) == ("Ann", [True])


def test_a_report_that_is_broken_is_no_complaint() -> None:
    assert parse(complaint("<x@y>")).complains
    assert parse(complaint("<x@y>")).automatic == "auto"
    assert not parse(complaint("<x@y>").replace(b"abuse", b"not-spam")).complains
    assert not parse(bounce("<x@y>")).complains
