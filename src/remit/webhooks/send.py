"""One message to one address, which was checked and is the one connected to. Redirects are not followed, and of an answer only
the beginning is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from remit.errors import Mend, UserError
from remit.tools.addresses import leads_away
from remit.tools.http import bare_client, checked, once

if TYPE_CHECKING:
    import httpx

SECONDS = 15.0  # for an answer
KEPT = 300  # characters of it


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back. `status` 0: nothing did, and `said` is why."""

    status: int
    said: str

    @property
    def received(self) -> bool:
        return 200 <= self.status < 300


def permitted(url: str, allowed: Sequence[str]) -> httpx.URL:
    """An address that may be told. What leaves unsealed goes to hosts only that the setting names. Raises UserError."""
    try:
        target = checked(url)
    except Mend as error:
        raise UserError(str(error)) from error
    host, port = target.raw_host.decode("ascii").lower(), target.port or 80
    if target.scheme != "https" and leads_away(host, port, (*allowed, "*")):
        raise UserError(
            f"url: http://{host} is not sealed: give an https:// address, or name the host in REMIT_WEBHOOK_ALLOW"
        )
    return target


async def send(url: str, headers: dict[str, str], body: bytes, allowed: Sequence[str]) -> Outcome:
    """Public addresses, and those that `allowed` names. Never raises for what is the other side's fault."""
    import httpx

    try:
        permitted(url, allowed)
        async with asyncio.timeout(SECONDS), bare_client() as client:
            got = await once(client, "POST", url, headers, body, (*allowed, "*"))
    except (Mend, UserError) as error:
        return Outcome(0, str(error)[:KEPT])
    except TimeoutError:
        return Outcome(0, f"no answer within {SECONDS:g} s")
    except (httpx.HTTPError, OSError) as error:
        return Outcome(0, (str(error) or type(error).__name__)[:KEPT])
    text = got.data[: KEPT * 4].decode("utf-8", "replace").replace("\0", "\ufffd")
    return Outcome(got.status, text[:KEPT])
