"""How a tool's call becomes a request: a part of its definition, and so of what is pinned."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
Place = Literal["path", "query", "header", "body"]


class Operation(BaseModel):
    """An operation: its method, its path below the origin with names in braces, and where each argument goes, under which
    name. `whole`: the argument that is all of the body."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method
    path: str
    places: dict[str, tuple[Place, str]] = {}
    whole: str = ""
