"""A mailbox that agents may use: where it sends (SMTP), where it reads (IMAP), and as whom."""

from __future__ import annotations

import re
from typing import Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

SERVER = r"{0}s?://[A-Za-z0-9.\[\]:_-]+/?"
ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
PORTS = {"smtp": 587, "smtps": 465, "imap": 143, "imaps": 993}
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Mailbox(BaseModel):
    """`smtps://` and `imaps://` are TLS from the first byte, `smtp://` and `imap://` begin it before anything is said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str = Field(max_length=320)  # `desk@shop.example`, or `The shop <desk@shop.example>`
    smtp: str = Field("", max_length=300)  # empty: it only reads
    imap: str = Field("", max_length=300)  # empty: it only sends
    user: str = Field("", max_length=320)  # the address, where it is not said
    password: str = ""  # a reference
    trusts: str = Field("", max_length=253)  # the mail host whose word on a sender counts
    # Who puts what is sent into the folder of sent mail: `remit` does, or the `server`, as large hosts do by themselves
    sent: Literal["remit", "server"] = "remit"
    unsubscribe: str = Field(
        "", max_length=500
    )  # https, `{address}` in it stands for the reader; for marketing
    # What is heard of marketing that goes out: who opened it, what they followed; `service`: also of what people must be told
    track: tuple[Literal["opens", "clicks", "service"], ...] = ()
    plain: bool = False  # without TLS

    @property
    def name(self) -> str:
        return self.address.rpartition("<")[0].strip().strip('"')

    @property
    def bare(self) -> str:
        return self.address.rpartition("<")[2].rstrip("> ").lower()

    @property
    def domain(self) -> str:
        return self.bare.rpartition("@")[2]

    @property
    def login(self) -> str:
        return self.user or self.bare

    def leave(self, reader: str) -> str:
        """Where a reader says that they want no more of it."""
        return self.unsubscribe.replace("{address}", quote(reader, safe=""))

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not ADDRESS.fullmatch(self.bare) or not self.address.isprintable():
            raise ValueError("address: write an e-mail address, as desk@shop.example")
        if not self.smtp and not self.imap:
            raise ValueError("say where it sends (smtp) or where it reads (imap), or both")
        for kind, url in (("smtp", self.smtp), ("imap", self.imap)):
            if url and not re.fullmatch(SERVER.format(kind), url):
                raise ValueError(
                    f"{kind}: write the server as {kind}s://mail.example, or {kind}s://mail.example:PORT"
                )
            place(url) if url else None
        if self.unsubscribe and not (
            self.unsubscribe.startswith("https://") and self.unsubscribe.isprintable()
        ):
            raise ValueError("unsubscribe: an address with https://, where one click is enough (RFC 8058)")
        return self


def place(url: str) -> tuple[str, int, bool]:
    """Host, port, and whether it is TLS from the first byte. Raises ValueError."""
    parts = urlsplit(url)
    try:
        port = parts.port or PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise ValueError(f"{url!r} is no server of mail: write smtps://host or imaps://host") from None
    if not parts.hostname:
        raise ValueError(f"{url!r} names no host")
    return parts.hostname, port, parts.scheme.endswith("s")


def must_seal(url: str, mailbox: Mailbox) -> bool:
    """Whether a connection that begins plainly must become TLS before anything is said."""
    return not mailbox.plain and place(url)[0] not in LOOPBACK
