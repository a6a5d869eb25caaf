"""A number by which agents may write: SMS and WhatsApp by Twilio's API, or by whoever speaks it."""

from __future__ import annotations

import re
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

LONGEST = 1_600  # characters of a message, as Twilio has it
API = "https://api.twilio.com"
NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")  # E.164
SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")  # a messaging service, which chooses among numbers


class Line(BaseModel):
    """As whom is written, and by which account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    token: str = Field(max_length=200)  # a reference; it also signs what is told us
    number: str = Field("", max_length=40)  # for SMS, or a messaging service; empty: no SMS
    whatsapp: str = Field("", max_length=40)  # the sender for WhatsApp; empty: no WhatsApp
    api: str = Field(API, pattern=r"^https?://[^/?#@\s]+/?$")
    # How readers of marketing by SMS end it, put below the words that do not say it; {link}: to their own page, where there is one
    leave: str = Field("Reply STOP to end this.", max_length=160)
    # Where Twilio tells this server what comes in and what arrived, as it was told; empty: by REMIT_PUBLIC_URL
    callback: str = Field("", max_length=300, pattern=r"^$|^https?://[^?#@\s]+$")

    @property
    def messages(self) -> str:
        return f"{self.root}/Messages"

    @property
    def root(self) -> str:
        return f"{self.api.rstrip('/')}/2010-04-01/Accounts/{self.account}"

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not self.number and not self.whatsapp:
            raise ValueError("say by which number it writes SMS (number), or WhatsApp (whatsapp), or both")
        if self.number and not NUMBER.fullmatch(self.number) and not SERVICE.fullmatch(self.number):
            raise ValueError("number: as +4915112345678, or a messaging service, as MG and 32 digits")
        if self.whatsapp and not NUMBER.fullmatch(self.whatsapp):
            raise ValueError("whatsapp: the sender's number, as +4915112345678")
        return self
