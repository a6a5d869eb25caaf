"""A mail host on loopback: a real SMTP server (aiosmtpd) and a real IMAP server (pymap), with TLS by a certificate of its own."""

from __future__ import annotations

import argparse
import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import uuid4

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import DictBackend
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials import FetchRequirement
from pysasl.hashing import BuiltinHash

REQUIRED = FetchRequirement.CONTENT
USER, PASSWORD = "desk@shop.example", "open-sesame-42"


@dataclass
class Host:
    """Where it is, what it took for delivery, and what lies in its folders."""

    smtp: int = 0
    imap: int = 0
    backend: DictBackend | None = None
    saves_sent: bool = False  # whether the host itself keeps what is sent, as large ones do
    refuses: str = ""  # what it answers to a message
    then: Callable[[], None] = lambda: None  # once it has taken one or not, before it says so
    taken: list[Envelope] = field(default_factory=list)

    @property
    def sent(self) -> list[EmailMessage]:
        return [message_from_bytes(one.original_content or b"", policy=policy.default) for one in self.taken]

    async def put(self, raw: bytes | EmailMessage, folder: str = "INBOX") -> None:
        """A message arrives."""
        data = raw if isinstance(raw, bytes) else raw.as_bytes(policy=policy.SMTP)
        box = await self._box(folder)
        await box.append(AppendMessage(data, datetime.now(UTC), frozenset()), recent=True)

    async def lying(self, folder: str = "INBOX") -> list[bytes]:
        found = []
        async for message in (await self._box(folder)).messages():
            found.append(bytes((await message.load_content(REQUIRED)).content))
        return found

    async def renumber(self) -> None:
        """What lies in INBOX is there under other numbers, as after a move of the host."""
        kept = await self.lying()
        assert self.backend is not None
        self.backend.config.set_cache.clear()
        await self._box("Sent")
        for raw in kept:
            await self.put(raw)

    async def _box(self, name: str) -> Any:
        assert self.backend is not None
        async with self.backend.login.demo_user_identity.new_session() as session:
            boxes = session.mailbox_set
            with suppress(ValueError):
                await boxes.add_mailbox(name)
            return await boxes.get_mailbox(name)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if not self.refuses:
            self.taken.append(envelope)
            if self.saves_sent:
                await self.put(envelope.original_content or b"", "Sent")
        answer = self.refuses or "250 taken"
        self.then()
        return answer


def _login(server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
    knows = data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=knows, handled=False)


@asynccontextmanager
async def mail_host(tls: ssl.SSLContext | None = None, implicit: bool = True) -> AsyncIterator[Host]:
    """`tls`: from the first byte, or by STARTTLS where not `implicit`."""
    host, loop = Host(), asyncio.get_running_loop()

    def greet() -> SMTP:
        later = tls if tls and not implicit else None
        return SMTP(
            host,
            hostname="mx.shop.example",
            authenticator=_login,
            auth_required=True,
            auth_require_tls=bool(later),
            tls_context=later,
            require_starttls=bool(later),
        )

    args = argparse.Namespace(
        debug=False,
        host="127.0.0.1",
        port=0,
        cert=None,
        key=None,
        tls=False,
        proxy_protocol=None,
        inherited_sockets=None,
        passlib_cfg=None,
        demo_data=False,
        demo_user=USER,
        demo_password=PASSWORD,
    )
    # Its passwords are not to be kept from anybody: a strong hash costs half a second of each sign-in
    host.backend, config = await DictBackend.init(args, hash_context=BuiltinHash(rounds=1))
    config.apply_context()
    async with AsyncExitStack() as stack:
        smtp = await loop.create_server(greet, "127.0.0.1", 0, ssl=tls if implicit else None)
        host.smtp = smtp.sockets[0].getsockname()[1]
        stack.callback(smtp.close)
        proxied = ProxyProtocolReader(config.proxy_protocol).get_callback(
            IMAPServer(host.backend.login, config)
        )
        imap = await asyncio.start_server(proxied, "127.0.0.1", 0, ssl=tls if implicit else None)
        host.imap = imap.sockets[0].getsockname()[1]
        stack.callback(imap.close)
        await host._box("Sent")
        yield host


def letter(
    text: str = "Where is my order W1?",
    sender: str = "Ann <ann@a.example>",
    auth: str = "dmarc=pass",
    **headers: str,
) -> EmailMessage:
    """A message as the host puts it into the inbox, with its finding on top; `auth` empty: without one."""
    made = EmailMessage(policy=policy.SMTP)
    domain = sender.rpartition("@")[2].rstrip(">")
    if auth:
        made["Authentication-Results"] = f"mx.shop.example; {auth} header.from={domain}"
    made["From"], made["To"], made["Subject"] = sender, USER, headers.pop("Subject", "My order")
    made["Message-ID"] = headers.pop("Message_ID", f"<{uuid4().hex}@{domain}>")
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made
