"""Reading a mailbox by IMAP, at an address that was checked before. Blocking: call it in a thread.

A message is known by the folder's UIDVALIDITY and its UID in it: `7.42`. Looking changes nothing there, not even what counts as
read.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientError, LoginError

from remit.channels.mailbox import Mailbox, must_seal, place
from remit.channels.parse import parse
from remit.errors import Mend

INBOX = "INBOX"
LARGEST = 25_000_000  # bytes of a message that is read whole; of a larger one its head
HEAD = 200_000  # bytes
ANSWERS = 20  # messages that are looked at for one that answers
REFERENCE = re.compile(r"(\d{1,10})\.(\d{1,10})")


@dataclass(frozen=True, slots=True)
class Place:
    """How far a folder has been read."""

    validity: int
    last: int  # the UID


@dataclass(frozen=True, slots=True)
class Raw:
    """A message as it lies there."""

    place: Place
    data: bytes
    at: datetime  # when it came there
    cut: bool = False  # only its head was read

    @property
    def reference(self) -> str:
        return f"{self.place.validity}.{self.place.last}"


class _Named(ssl.SSLContext):
    """Wants a certificate for the name, whatever address the name has led to."""

    host = ""

    def wrap_socket(self, sock: Any, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return super().wrap_socket(sock, *args, **{**kwargs, "server_hostname": self.host})


@contextmanager
def signed_in(mailbox: Mailbox, password: str, addresses: Sequence[str]) -> Iterator[IMAPClient]:
    """Raises Mend where the server does not let us in, ConnectionError where it does not answer."""
    host, port, sealed = place(mailbox.imap)
    context = _Named(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    context.host = host
    client = None
    try:
        waits = SocketTimeout(connect=10, read=60)
        client = IMAPClient(addresses[0], port, ssl=sealed, ssl_context=context, timeout=waits)
        if not sealed and must_seal(mailbox.imap, mailbox):
            client.starttls(context)
        client.normalise_times = False  # as the server says them, with their zone
        client.login(mailbox.login, password)
        yield client
    except LoginError as error:
        raise Mend(f"it refuses with 401: {error}") from error
    except (IMAPClientError, OSError) as error:
        raise ConnectionError(f"the mail server {host} does not do what it is there for: {error}") from error
    finally:
        if client is not None:
            with suppress(IMAPClientError, OSError):
                client.logout()


def end_of(client: IMAPClient, folder: str = INBOX) -> Place:
    """After its last message."""
    told = client.select_folder(folder, readonly=True)
    return Place(int(told[b"UIDVALIDITY"]), int(told.get(b"UIDNEXT", 1)) - 1)


def after(client: IMAPClient, seen: Place, most: int, since: date | None = None) -> list[Raw]:
    """The messages of INBOX that came after a place, the earliest first. Where the folder has been numbered anew, all of them
    from that day on."""
    now = end_of(client)
    last = seen.last if now.validity == seen.validity else 0
    new = ["SINCE", since] if since is not None and not last else []
    uids = sorted(uid for uid in client.search(["UID", f"{last + 1}:*", *new]) if uid > last)
    return [_fetched(client, now.validity, uid) for uid in uids[:most]]


def read(client: IMAPClient, reference: str) -> Raw:
    """Raises Mend where it is not there."""
    found = REFERENCE.fullmatch(reference)
    now = end_of(client)
    if found is None or int(found[1]) != now.validity or not client.search(["UID", found[2]]):
        raise Mend(f"there is no message {reference[:60]!r} in the inbox")
    return _fetched(client, now.validity, int(found[2]))


def search(client: IMAPClient, words: str, sender: str, since: date | None, most: int) -> list[Raw]:
    """The newest first."""
    now = end_of(client)
    asked: list[Any] = ["TEXT", words] if words else []
    asked += ["FROM", sender] if sender else []
    asked += ["SINCE", since] if since else []
    plain = all(str(one).isascii() for one in asked)
    uids = client.search(asked or "ALL", None if plain else "UTF-8")
    return [_fetched(client, now.validity, uid) for uid in sorted(uids, reverse=True)[:most]]


def answers_to(client: IMAPClient, id: str) -> Raw | None:
    """The latest message of INBOX that answers one, or says that it has not arrived."""
    now = end_of(client)
    for uid in sorted(client.search(["TEXT", id]), reverse=True)[:ANSWERS]:
        found = _fetched(client, now.validity, uid)
        if id in parse(found.data).answers:
            return found
    return None


def sent_folder(client: IMAPClient) -> str:
    """Empty where there is none."""
    return client.find_special_folder(b"\\Sent") or ""


def is_sent(client: IMAPClient, id: str) -> bool:
    """Whether the folder of sent mail has it."""
    folder = sent_folder(client)
    if not folder:
        return False
    client.select_folder(folder, readonly=True)
    return bool(client.search(["HEADER", "Message-ID", id]))


def keep_sent(client: IMAPClient, data: bytes) -> bool:
    """Put it into the folder of sent mail; False: there is none."""
    folder = sent_folder(client)
    if folder:
        client.append(folder, data, flags=(b"\\Seen",))
    return bool(folder)


def _fetched(client: IMAPClient, validity: int, uid: int) -> Raw:
    about = client.fetch([uid], ["RFC822.SIZE", "INTERNALDATE"]).get(uid, {})
    cut = int(about.get(b"RFC822.SIZE", 0)) > LARGEST
    got = client.fetch([uid], [f"BODY.PEEK[]<0.{HEAD}>" if cut else "BODY.PEEK[]"]).get(uid, {})
    data = next((value for key, value in got.items() if key.startswith(b"BODY[")), b"")
    return Raw(Place(validity, uid), bytes(data), about.get(b"INTERNALDATE", datetime.now(UTC)), cut)
