"""What a playbook is after, and what must not come of it: goals with what counts for them, and guardrails. Pure, as data."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Amount = Annotated[float, Field(allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]  # of what happens, as the graph has it


class Said(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Count(Said):
    """Interactions from the person that count: each as `worth`, or, where a currency is named, by its value in that, `worth` times."""

    kind: Kind
    channel: str = ""  # "": on any
    currency: str = Field("", pattern=r"^([A-Z]{3})?$")
    worth: Amount = 1.0


class Goal(Said):
    """`weight`: how much a unit of its value counts beside other goals."""

    weight: Weight = 1.0
    counts: tuple[Count, ...] = Field((), max_length=20)


def _weighed(value: Any) -> Any:
    """A number is a goal of that weight."""
    return {"weight": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


Aim = Annotated[Goal, BeforeValidator(_weighed)]


class Guardrail(Said):
    """What may follow at most so large a share of what was done for people; beyond it the version is taken back."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")
    kinds: tuple[Kind, ...] = Field(min_length=1)
    most: float = Field(ge=0, lt=1)


GUARDRAILS = (
    Guardrail(name="complaints", kinds=("complained",), most=0.003),
    Guardrail(name="unsubscribes", kinds=("unsubscribed", "consent_withdrawn"), most=0.02),
    Guardrail(name="bounces", kinds=("bounced",), most=0.05),
)


def _while(value: Any) -> Any:
    """`90m`, `48h`, `2d`, as people write it."""
    if isinstance(value, str) and (found := re.fullmatch(r"(\d{1,5})\s*([mhd])", value.strip())):
        return timedelta(**{{"m": "minutes", "h": "hours", "d": "days"}[found[2]]: int(found[1])})
    return value


class FollowUp(Said):
    """What is done when an action is not answered in a time: `then`, an action of the playbook, unless one of these came from the person."""

    after: Annotated[timedelta, BeforeValidator(_while), Field(gt=timedelta(0), le=timedelta(days=365))]
    unless: tuple[Kind, ...] = Field(min_length=1)
    then: str


class Template(Said):
    """What is written to people. `{first_name|there}` stands for what is known of them by that name, and for what follows the bar where nothing is;
    without a bar nothing is sent to who has none."""

    subject: str = Field("", max_length=300)
    text: str = Field(min_length=1, max_length=20_000)
