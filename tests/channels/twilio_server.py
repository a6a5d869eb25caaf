"""Twilio on loopback, as it documents itself: Basic auth, forms in, JSON out, its error codes, lists by page, the newest first."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.tools.test_http import reply

ACCOUNT, TOKEN = "AC" + "0123456789abcdef" * 2, "canary-auth-token-4711"
OURS, ANN, BO = "+4915100000000", "+4915112345678", "+4917000000000"
REASONS = {
    400: "400 Bad Request",
    401: "401 Unauthorized",
    404: "404 Not Found",
    429: "429 Too Many Requests",
}


class Refused(Exception):
    """An error of Twilio's, by its code."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Twilio:
    """What was asked of it, and the messages that it has."""

    port: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)
    callbacks: list[str] = field(default_factory=list)
    stopped: set[str] = field(default_factory=set)
    loses: bool = False  # the answer to a message that it takes
    breaks: bool = False  # before it takes one
    busy: bool = False
    asked: int = 0  # how often it was to send

    def came(self, text: str, sender: str = ANN, to: str = OURS, ago: timedelta = timedelta(0)) -> str:
        """Somebody writes; the message's id."""
        return self._put(text, sender, to, "inbound", "received", ago)

    def went(self, text: str, to: str = ANN, ago: timedelta = timedelta(0)) -> str:
        """Something was sent, by whomever."""
        return self._put(text, OURS, to, "outbound-api", "delivered", ago)

    @property
    def sent(self) -> list[dict[str, Any]]:
        return [one for one in self.messages if one["direction"] != "inbound"]

    async def answer(
        self, line: str, headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> None:
        method, url, _ = line.split(" ")
        parts = urlsplit(url)
        try:
            self._let_in(headers)
            form = dict(
                parse_qsl((body.decode() if method == "POST" else parts.query), keep_blank_values=True)
            )
            if method == "POST":
                self.asked += 1
                if self.breaks:
                    self.breaks = False
                    return
            said = self._said(method, parts.path, form)
        except Refused as error:
            told = {"code": error.code, "message": str(error), "status": error.status}
            told["more_info"] = f"https://www.twilio.com/docs/errors/{error.code}"
            data = json.dumps(told).encode()
            writer.write(reply(data, "application/json", REASONS[error.status]))
            return
        if method == "POST" and self.loses:
            self.loses = False
            return
        status = "201 CREATED" if method == "POST" else "200 OK"
        writer.write(reply(json.dumps(said).encode(), "application/json", status))

    def _let_in(self, headers: dict[str, str]) -> None:
        wanted = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if headers.get("authorization") != f"Basic {wanted}":
            raise Refused(401, 20003, "Authenticate")
        if self.busy:
            raise Refused(429, 20429, "Too Many Requests")

    def _said(self, method: str, path: str, form: dict[str, str]) -> dict[str, Any]:
        root = f"/2010-04-01/Accounts/{ACCOUNT}"
        if path == f"{root}.json":
            return {"friendly_name": "The shop", "status": "active", "sid": ACCOUNT}
        if path == f"{root}/Messages.json":
            return self._send(form) if method == "POST" else self._list(form)
        found = [one for one in self.messages if path == f"{root}/Messages/{one['sid']}.json"]
        if not found:
            raise Refused(404, 20404, f"The requested resource {path} was not found")
        return found[0]

    def _list(self, form: dict[str, str]) -> dict[str, Any]:
        wanted = {"to": form.get("To"), "from": form.get("From")}
        found = [
            one
            for one in reversed(self.messages)
            if all(value is None or one[name] == value for name, value in wanted.items())
        ]
        size = int(form.get("PageSize", 50))
        return {
            "messages": found[:size],
            "page_size": size,
            "next_page_uri": "/next" if len(found) > size else None,
        }

    def _send(self, form: dict[str, str]) -> dict[str, Any]:
        to = form.get("To", "")
        if not re.fullmatch(r"(whatsapp:)?\+[1-9]\d{6,14}", to):
            raise Refused(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if "From" not in form and "MessagingServiceSid" not in form:
            raise Refused(400, 21603, "A 'From' phone number is required.")
        if not form.get("Body") and "ContentSid" not in form:
            raise Refused(400, 21602, "Message body is required.")
        if to in self.stopped:
            raise Refused(400, 21610, "Attempt to send to unsubscribed recipient")
        self.callbacks += [form["StatusCallback"]] if "StatusCallback" in form else []
        text = form.get("Body", f"template {form.get('ContentSid')} {form.get('ContentVariables')}")
        sender = form.get("From") or form["MessagingServiceSid"]
        id = self._put(text, sender, to, "outbound-api", "queued", timedelta(0))
        return next(one for one in self.messages if one["sid"] == id)

    def _put(self, text: str, sender: str, to: str, direction: str, status: str, ago: timedelta) -> str:
        id = f"SM{len(self.messages) + 1:032x}"
        made = format_datetime(datetime.now(UTC) - ago)
        self.messages.append(
            {"sid": id, "body": text, "from": sender, "to": to, "direction": direction, "status": status,
             "date_created": made, "error_code": None}
        )  # fmt: skip
        return id
