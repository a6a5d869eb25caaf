"""What a channel brings and takes, whichever it is: who speaks and who vouches for it, the words, the files, the thread. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Automatic = Literal["", "bounce", "auto", "bulk"]
# bounce: a server says that something did not arrive (RFC 3464) · auto: written by a machine (RFC 3834) · bulk: sent to many


@dataclass(frozen=True, slots=True)
class Sender:
    """Who a message says it is from. `verified`: somebody whom the connection trusts has made sure of it."""

    address: str  # an e-mail address in small letters, or an id of the channel's
    name: str = ""
    verified: bool = False

    def __str__(self) -> str:
        return f"{self.address or 'nobody'} ({'verified' if self.verified else 'not verified'})"


@dataclass(frozen=True, slots=True)
class File:
    """What comes or goes with a message."""

    name: str
    type: str  # as image/png
    data: bytes


@dataclass(frozen=True, slots=True)
class Failure:
    """Of a bounce: whom something did not reach, and why."""

    address: str
    status: str  # as 5.1.1
    said: str


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message that came. `text`: the sender's own words; `quoted`: what they pass on of somebody else's."""

    id: str  # the channel's own: a Message-ID, or an event's
    sender: Sender
    text: str
    quoted: str = ""
    subject: str = ""
    to: tuple[str, ...] = ()
    copied: tuple[str, ...] = ()
    at: str = ""  # as the message says it, in ISO 8601
    answers: tuple[str, ...] = ()  # the messages that it answers, the nearest first
    files: tuple[File, ...] = ()
    automatic: Automatic = ""
    failures: tuple[Failure, ...] = ()
    complains: bool = False  # a reader of what was sent calls it spam, as their provider reports (RFC 5965)
