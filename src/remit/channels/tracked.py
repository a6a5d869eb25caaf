"""Links in a mail that lead on through this server, signed with the address that they lead to, and a picture of one point. Pure."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Tracked:
    """What stands in one mail. `public`: this server's address; `clicks`, `opens`: which of the two is to be heard of."""

    public: str
    word: str
    key: bytes
    clicks: bool
    opens: bool

    def link(self, url: str) -> str:
        """An address here that leads to `url`."""
        if not self.clicks:
            return url
        return f"{self.public}/c/{self.word}/{signature(self.key, self.word, url)}?to={quote(url, safe='')}"

    @property
    def picture(self) -> str:
        return f"{self.public}/o/{self.word}.gif" if self.opens else ""


def signature(key: bytes, word: str, url: str) -> str:
    """Of a link: nobody makes one who has not the key."""
    mark = hmac.new(key, f"{word}\0{url}".encode(), hashlib.sha256)
    return urlsafe_b64encode(mark.digest()[:18]).decode()
