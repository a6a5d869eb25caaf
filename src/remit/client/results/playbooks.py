"""Playbooks, and what was decided by them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from remit.client.results.result import Result


class Playbook(Result):
    """A version of a playbook, and where it stands; `why`: it stands there; `before`: the version that was live before it."""

    playbook: str
    version: int
    text: str
    note: str
    who: str
    at: datetime
    stage: str
    share: float
    staged_by: str
    staged_at: datetime
    why: str
    before: int | None
    warnings: Sequence[str]


class Interval(Result):
    """A mean with its 95 % interval; None where it is not known."""

    value: float | None
    low: float | None
    high: float | None


class Candidate(Result):
    """What a version would have brought a decision, by three estimators; None: too few rows."""

    version: int
    stage: str
    rows: int
    effective_rows: float | None
    dr: Interval | None
    snips: Interval | None
    ips: Interval | None


class Guardrail(Result):
    """How often something followed what was done that should not have; `most`: the share that is the most."""

    name: str
    times: int
    among: int
    most: float


class Quality(Result):
    """What the decisions of a version bring; values are rewards less costs, a decision."""

    playbook: str
    version: int
    stage: str
    shadowed: int
    done: int
    closed: int
    shares: dict[str, float]
    value: Interval | None
    holdout: Interval | None
    more: Interval | None
    explored: float | None
    rarest: float | None
    guardrails: list[Guardrail]
    broken: list[str]
    told: int
    trust: float
    alarms: int
    alarmed_at: datetime | None
    candidates: list[Candidate]


class Round(Result):
    """Decisions for many people, and how far they are."""

    id: UUID
    playbook: str
    by: str
    begun_at: datetime
    only: list[str]
    people: int
    looked_at: int
    made: int
    done_at: datetime | None


class Option(Result):
    """What could have been done: what it was expected to be worth, and how likely it was taken."""

    action: str
    expected: float
    chance: float


class RuledOut(Result):
    """A rule that was against an action; `until`: when it ends by itself."""

    action: str
    rule: str
    because: str
    until: datetime | None


class Urgent(Result):
    """Why an action could not wait: what it gains counted so many times."""

    action: str
    times: float
    because: str


class Decision(Result):
    """A choice, with all that was weighed. `id` is None for one that is only shown; `after`: the decision that it follows up."""

    id: int | None
    playbook: str
    version: int
    stage: str
    person: int
    at: datetime
    action: str
    does: str
    propensity: float
    holdout: bool
    reason: str
    options: list[Option]
    ruled_out: list[RuledOut]
    urgency: list[Urgent]
    known: dict[str, Any]
    after: int | None
