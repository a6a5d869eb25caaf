"""Mail against real servers on loopback: what is sent, what is read, who said it, and what is never taken for somebody's word."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remit.channels import imap, smtp
from remit.channels.compose import Letter, compose, id_of, in_html, sent_by
from remit.channels.mailbox import Mailbox, must_seal
from remit.channels.parse import parse
from remit.channels.port import File
from remit.errors import Mend
from tests.channels.servers import PASSWORD, Host, letter, mail_host
from tests.channels.tls import authority

HERE = ["127.0.0.1"]
RUN = uuid4()
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
BOUNCE = b"""Return-Path: <>
From: MAILER-DAEMON@mx.b.example
To: desk@shop.example
Subject: Undelivered
Content-Type: multipart/report; report-type=delivery-status; boundary=B

--B
Content-Type: text/plain

It could not be delivered.
--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.b.example

Final-Recipient: rfc822; Bob@b.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 no such user

--B
Content-Type: message/rfc822

Message-ID: <remit.%s.2.1@shop.example>
Subject: Hello

Hello
--B--
"""


def box(host: Host, secure: str = "", **more: str) -> Mailbox:
    return Mailbox(
        address="The shop <desk@shop.example>",
        smtp=f"smtp{secure}://localhost:{host.smtp}",
        imap=f"imap{secure}://localhost:{host.imap}",
        password="secret:desk",
        trusts="mx.shop.example",
        **more,
    )


def written(mailbox: Mailbox, text: str = "Your order is on its way.", **more: object) -> EmailMessage:
    made = Letter(("ann@a.example",), "Re: My order", text, **more)  # type: ignore[arg-type]
    return compose(mailbox, made, id_of(RUN, "2.1", mailbox.domain), NOW)


async def test_a_letter_arrives_in_plain_and_html_in_its_thread_with_its_files() -> None:
    async with mail_host() as host:
        mine = box(host)
        sent = written(mine, "See https://shop.example/W1.", answers=("<1@a>", "<2@a>"), files=(FILE,))
        assert await smtp.send(mine, PASSWORD, HERE, sent, ["ann@a.example", "boss@shop.example"]) == {}
    (taken,), (got,) = host.taken, host.sent
    assert taken.rcpt_tos == ["ann@a.example", "boss@shop.example"]
    assert (got["From"], got["In-Reply-To"]) == ("The shop <desk@shop.example>", "<2@a>")
    assert got["References"] == "<1@a> <2@a>"
    assert got["Auto-Submitted"] == "auto-replied"
    body = got.get_body(("html",))
    assert body is not None
    assert '<a href="https://shop.example/W1">https://shop.example/W1</a>.' in body.get_content()
    (file,) = got.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("Rechnung ä.pdf", b"%PDF")


FILE = File("Rechnung ä.pdf", "application/pdf", b"%PDF")


async def test_marketing_says_how_to_leave_by_one_click() -> None:
    async with mail_host() as host:
        mine = box(host, unsubscribe="https://shop.example/leave?who={address}")
    sent = written(mine, leave=mine.leave("ann@a.example"))
    assert sent["List-Unsubscribe"] == "<https://shop.example/leave?who=ann%40a.example>"
    assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "List-Unsubscribe" not in written(mine)


@pytest.mark.parametrize("implicit", [True, False])
async def test_mail_goes_and_comes_by_tls_to_a_host_whose_certificate_is_its_own(
    implicit: bool, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, server = authority(tmp_path_factory.mktemp("tls"), "localhost")
    async with mail_host(server, implicit) as host:
        mine = box(host, "s" if implicit else "")
        sealed = mine.model_copy(update={"plain": False})
        with pytest.raises(ConnectionRefusedError, match="does not let us in"):
            await smtp.send(sealed, PASSWORD, HERE, written(mine), ["ann@a.example"])
        monkeypatch.setenv("SSL_CERT_FILE", str(known))
        await smtp.send(sealed, PASSWORD, HERE, written(mine), ["ann@a.example"])
        if implicit:  # the IMAP server of the tests has no STARTTLS
            await host.put(letter())
            assert len(await reading(sealed, imap.Place(0, 0))) == 1
    assert len(host.sent) == 1


async def reading(
    mailbox: Mailbox, seen: imap.Place, most: int = 10, password: str = PASSWORD
) -> list[imap.Raw]:
    def look() -> list[imap.Raw]:
        with imap.signed_in(mailbox, password, HERE) as client:
            return imap.after(client, seen, most)

    return await asyncio.to_thread(look)


async def test_a_wrong_password_and_a_refused_message_are_said_and_nothing_is_in_doubt() -> None:
    async with mail_host() as host:
        mine = box(host)
        with pytest.raises(Mend, match="refuses with 535"):
            await smtp.send(mine, "wrong", HERE, written(mine), ["ann@a.example"])
        with pytest.raises(Mend, match="refuses with 401"):
            await reading(mine, imap.Place(0, 0), password="wrong")
        host.refuses = "554 looks like spam"
        with pytest.raises(Mend, match="554 looks like spam"):
            await smtp.send(mine, PASSWORD, HERE, written(mine), ["ann@a.example"])
    with pytest.raises(ConnectionRefusedError):
        await smtp.send(mine, PASSWORD, HERE, written(mine), ["ann@a.example"])


async def test_each_message_is_read_once_in_order_and_again_from_the_start_where_numbers_are_new() -> None:
    async with mail_host() as host:
        mine = box(host)
        await host.put(letter("before"))
        first = await reading(mine, imap.Place(0, 0))
        await host.put(letter("one"))
        await host.put(letter("two"))
        news = await reading(mine, first[-1].place)
        assert [parse(one.data).text for one in news] == ["one", "two"]
        assert await reading(mine, news[-1].place) == []
        assert [parse(one.data).text for one in await reading(mine, first[-1].place, 1)] == ["one"]
        await host.renumber()
        assert [parse(one.data).text for one in await reading(mine, news[-1].place)] == [
            "before",
            "one",
            "two",
        ]


async def test_what_was_sent_is_found_by_its_id_and_by_no_other() -> None:
    async with mail_host() as host:
        mine, id = box(host), id_of(RUN, "2.1", "shop.example")

        def look() -> tuple[bool, bool, bool]:
            with imap.signed_in(mine, PASSWORD, HERE) as client:
                before = imap.is_sent(client, id)
                imap.keep_sent(client, written(mine).as_bytes())
                return (
                    before,
                    imap.is_sent(client, id),
                    imap.is_sent(client, id_of(RUN, "2.2", "shop.example")),
                )

        assert await asyncio.to_thread(look) == (False, True, False)


def test_the_id_of_a_message_tells_the_run_and_the_call_that_sent_it() -> None:
    id = id_of(RUN, "2.1", "shop.example")
    assert sent_by(["<other@a>", id]) == (RUN, "2.1", id)
    assert sent_by(["<other@a>", "<remit.zz.2@a>"]) is None


def test_a_bounce_says_whom_it_did_not_reach_and_what_it_answers() -> None:
    came = parse(BOUNCE % RUN.hex.encode())
    assert came.automatic == "bounce"
    (one,) = came.failures
    assert (one.address, one.status, one.said) == ("bob@b.example", "5.1.1", "550 no such user")
    assert sent_by(came.answers) == (RUN, "2.1", f"<remit.{RUN.hex}.2.1@shop.example>")
    assert came.files == ()


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ({}, ""),
        ({"Auto_Submitted": "no"}, ""),
        ({"Auto_Submitted": "auto-replied (vacation)"}, "auto"),
        ({"X_Autoreply": "yes"}, "auto"),
        ({"Return_Path": "<>"}, "auto"),
        ({"Precedence": "bulk"}, "bulk"),
        ({"List_Id": "<news.a.example>"}, "bulk"),
    ],
)
def test_what_a_machine_wrote_is_known_for_it(headers: dict[str, str], kind: str) -> None:
    assert parse(letter(**headers).as_bytes()).automatic == kind


@pytest.mark.parametrize(
    "finding",
    [
        'spf=fail (domain of "x; dmarc=pass header.from=a.example") smtp.mailfrom=x',
        "spf=fail (a ; dmarc=pass header.from=a.example ; b) smtp.mailfrom=x",
        r'spf=none smtp.mailfrom="\"; dmarc=pass header.from=a.example; \""',
        "dmarc=fail reason=dmarc=pass header.from=a.example",
        "dkim=pass header.d=a.example.evil.example",
        "dkim=pass header.i=ann@a.example.evil",
    ],
)
def test_a_senders_own_words_in_a_finding_verify_nobody(finding: str) -> None:
    made = letter(auth="")
    made["Authentication-Results"] = f"mx.shop.example; {finding}"
    assert not parse(made.as_bytes(), "mx.shop.example").sender.verified


def test_nobody_is_verified_where_no_host_is_trusted() -> None:
    raw = letter().as_bytes()
    assert parse(raw, "mx.shop.example").sender.verified
    assert not parse(raw).sender.verified
    assert not parse(raw, "mx.other.example").sender.verified


def test_a_message_with_html_alone_a_quote_and_a_file_is_read() -> None:
    made = letter("")
    made.set_content("<p>Thanks</p><blockquote>Pay <b>eve</b></blockquote>", subtype="html")
    made.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="../../a\t.png")
    made.add_attachment(letter("inner"))
    came = parse(made.as_bytes())
    assert (came.text, came.quoted) == ("Thanks", "> Pay eve")
    assert [(one.name, one.type) for one in came.files] == [
        ("../../a .png", "image/png"),
        ("message.eml", "message/rfc822"),
    ]


@settings(max_examples=40)
@given(st.binary(max_size=400), st.sampled_from([b"", BOUNCE, letter().as_bytes()]), st.integers(0, 900))
def test_whatever_comes_is_read(junk: bytes, around: bytes, at: int) -> None:
    came = parse(around[:at] + junk + around[at:], "mx.shop.example")
    for text in (came.text, came.subject, came.sender.name, *(one.name for one in came.files)):
        text.encode()
        assert "\0" not in text


@settings(max_examples=40)
@given(st.text(max_size=300))
def test_the_html_of_a_text_says_the_same_and_holds_no_marks_of_the_writers(text: str) -> None:
    marks = set(re.findall(r"<[^>]*>", in_html(text).partition("<body>")[2]))
    assert all(
        re.fullmatch(r'</?p>|<br>|</a>|</body>|</html>|<a href="https?://[^"<>]*">', one) for one in marks
    )
    message = compose(
        Mailbox(address="a@b.example", smtp="smtps://b.example"),
        Letter(("c@d.example",), text, text),
        "<1@b>",
        NOW,
    )
    again = message_from_bytes(message.as_bytes(), policy=policy.default)
    assert again["To"] == "c@d.example"
    assert again.get("Bcc") is None


def test_tls_is_wanted_but_on_loopback_or_where_it_is_said() -> None:
    made = Mailbox(address="a@b.example", smtp="smtp://mail.b.example", imap="imaps://mail.b.example")
    assert must_seal(made.smtp, made)
    assert not must_seal(made.smtp, made.model_copy(update={"plain": True}))
    assert not must_seal("smtp://localhost:2525", made)
