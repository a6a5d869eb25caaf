"""What a playbook is after, and what must not come of it: goals with what counts for them, and guardrails. Pure, as data."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

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


def _approved(value: str) -> str:
    if value and not re.fullmatch(r"HX[0-9a-fA-F]{32}", value):
        raise ValueError("an approved template is named by its id: HX and 32 digits")
    return value


class Template(Said):
    """What is written to people. `{first_name|there}` stands for what is known of them by that name, and for what follows the bar where nothing is;
    without a bar nothing is sent to who has none. `approved`: by WhatsApp, the template that goes to whoever has not written for 24 hours, with what stands
    for its `variables`; the `text` goes to all others."""

    subject: str = Field("", max_length=300)
    text: str = Field("", max_length=20_000)
    approved: Annotated[str, AfterValidator(_approved)] = ""
    variables: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{1,40}$")], str] = Field({}, max_length=50)

    @model_validator(mode="after")
    def _says(self) -> Template:
        if not self.text.strip() and not self.approved:
            raise ValueError("a template says something: text, or for WhatsApp approved, by its id")
        if self.variables and not self.approved:
            raise ValueError("variables are those of an approved template: say which, as approved: HX…")
        return self
