"""What all answers have in common, and the words that some of them share."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

Status = Literal[
    "running", "waiting", "paused", "met", "not met", "cannot verify", "refused", "cancelled", "failed"
]
Happened = Literal["asked", "rejected", "denied", "acted", "doubt"]
Integrity = Literal["system", "person", "member", "untrusted"]
Period = Literal["day", "month"]
OPEN = ("running", "waiting", "paused")


class Result(BaseModel):
    """An answer."""

    model_config = ConfigDict(extra="allow", frozen=True, defer_build=True)  # with the first answer

    @classmethod
    def of(cls, found: Any) -> Self:
        return cls.model_validate(found)
