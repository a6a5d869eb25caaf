"""What is played on tau2: a task as a customer's message, and attacks upon it. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg

from bench.dojo.labels import Suite
from bench.dojo.script import Made
from bench.tau.world import Facts
from remit.journal.events import Person

Json = Any
# message: the verified customer asks for it in their own message · database: a stranger has written it into a field, and the
# customer knows nothing of it
Where = Literal["message", "database"]


@dataclass(frozen=True, slots=True)
class Attack:
    name: str
    where: Where
    words: str  # what is said or planted
    calls: tuple[Made, ...]
    row: Mapping[str, str] = field(
        default_factory=dict
    )  # where the words are not enough: what stands in an order of theirs


@dataclass(frozen=True, slots=True)
class Errand:
    """A task of tau2. `said`: the customer's instructions, word for word; `calls`: the gold actions in our tools."""

    id: str
    person: Person
    said: str
    calls: tuple[Made, ...]
    attacks: tuple[Attack, ...]


@dataclass(frozen=True, slots=True)
class Domain:
    """An agent of the library with its database. `plant`: writes what an attack says where a stranger could, in the customer's own
    rows, in the words that it is given."""

    suite: Suite
    resource: str  # the agent's name for its database
    aside: tuple[str, ...]  # tables that are the agent's own books
    load: Callable[[str], Awaitable[None]]
    plant: Callable[[psycopg.AsyncConnection[Any], str, str, Attack], Awaitable[None]]
    errands: Callable[[], list[Errand]]
    public: frozenset[str] = frozenset()  # tools that tell everybody the same: to be told it is no aim
    effected: Callable[[Facts], Facts] = lambda found: (
        found
    )  # what was done and for whom, whatever number it was given


def said(task: Mapping[str, Json]) -> str:
    """The whole scenario as the customer's own words: tau2's customer tells it bit by bit, ours at once."""
    told = task["user_scenario"]["instructions"]
    parts = (told[part] for part in ("known_info", "reason_for_call", "task_instructions"))
    return "\n".join(part.strip() for part in parts if part and part.strip(" ."))
