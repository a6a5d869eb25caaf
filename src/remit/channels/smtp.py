"""Sending mail by SMTP, to an address that was checked before, under TLS unless the mailbox says otherwise."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email.message import EmailMessage

import aiosmtplib

from remit.channels.mailbox import Mailbox, must_seal, place
from remit.errors import Full, Mend

SECONDS = 30.0
SOMEBODY = re.compile(r"[^\s<>]+@[^\s<>]+")
AGAIN = 60.0  # seconds after which a server that takes no more is asked again; it does not say


async def send(
    mailbox: Mailbox, password: str, addresses: Sequence[str], message: EmailMessage, readers: Sequence[str]
) -> dict[str, int]:
    """Hand a message over for `readers`; who of them was refused, each with the code of it. Raises Mend where the server refuses it, and
    ConnectionError or TimeoutError where nobody knows whether it took it."""
    async with signed_in(mailbox, password, addresses) as server:
        try:
            refused, _ = await server.send_message(message, sender=mailbox.bare, recipients=list(readers))
        except aiosmtplib.SMTPRecipientsRefused as error:
            worst = max(error.recipients, key=lambda one: one.code)
            _require_for_good(worst.code, worst.message, alone=True)
            told = "; ".join(f"{one.recipient}: {one.code} {one.message}" for one in error.recipients)
            raise Mend(f"the mail server takes it for none of its readers: {told[:1000]}") from error
        except aiosmtplib.SMTPResponseException as error:
            _require_for_good(error.code, error.message)
            raise Mend(f"the mail server refuses it: {error.code} {error.message[:500]}") from error
    return {who: said.code for who, said in refused.items()}


@asynccontextmanager
async def signed_in(
    mailbox: Mailbox, password: str, addresses: Sequence[str]
) -> AsyncIterator[aiosmtplib.SMTP]:
    """A server that knows us. Raises ConnectionRefusedError where nothing was begun, Mend where it does not let us in."""
    host, port, sealed = place(mailbox.smtp)
    server = aiosmtplib.SMTP(
        hostname=host,
        port=None,
        sock=await connected(addresses, port),
        use_tls=sealed,
        start_tls=False if sealed or mailbox.plain else must_seal(mailbox.smtp, mailbox) or None,
        tls_context=ssl.create_default_context(),
        timeout=SECONDS,
        local_hostname=mailbox.domain,
    )
    try:
        await server.connect()
        if mailbox.password:
            await server.login(mailbox.login, password)
    except aiosmtplib.SMTPResponseException as error:
        server.close()
        _require_for_good(error.code, error.message)
        raise Mend(f"it refuses with {error.code}: {error.message[:300]}") from error
    except (aiosmtplib.SMTPException, OSError) as error:
        server.close()
        raise ConnectionRefusedError(f"the mail server {host} does not let us in: {error}") from error
    try:
        yield server
    finally:
        server.close()


def _require_for_good(code: int, message: str, alone: bool = False) -> None:
    """Raises Full where the server says no for now (RFC 5321, 4yz): it has not taken the message. `alone`: of its reader, as by greylisting."""
    if 400 <= code < 500:
        said = SOMEBODY.sub("…", " ".join(message.split()))[
            :300
        ]  # it is shown beside the connection, to whoever
        raise Full(f"the mail server takes none for now: {code} {said}", AGAIN, alone)


async def connected(addresses: Sequence[str], port: int) -> socket.socket:
    """Raises ConnectionRefusedError: nothing was said yet, so nothing is in doubt."""
    failure: OSError | None = None
    loop = asyncio.get_running_loop()
    for address in addresses[:3]:
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        made.setblocking(False)
        try:
            await asyncio.wait_for(loop.sock_connect(made, (address, port)), 10.0)
        except OSError as error:  # a timeout too
            made.close()
            failure = error
            continue
        return made
    raise ConnectionRefusedError(f"no mail server answers at port {port}: {failure}") from failure
