"""What may be done for somebody, and the rules for reaching them: a playbook, as data. Pure; `remit.playbook` reads it from a file."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, model_validator

from remit.decisions.aim import GUARDRAILS, Aim, Amount, FollowUp, Guardrail, Said, Template
from remit.decisions.urgency import Urgency
from remit.decisions.whom import in_words, meant, segments_in
from remit.errors import UserError
from remit.graph.consent import MARKETING

Needs = Literal["yes", "not no"]
SERVICE, REPLY = "service", "reply"  # what somebody must be told; an answer to somebody who wrote
WRITTEN = ("email", "sms", "whatsapp", "slack")  # channels by which a template goes
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Days = Annotated[float, Field(gt=0, le=3660)]


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise ValueError(f"{name!r} is no time zone, as Europe/Berlin is") from error
    return name


def _asked(condition: str) -> str:
    try:
        meant(condition)
    except UserError as error:
        raise ValueError(str(error)) from None
    return condition


class Capacity(Said):
    """So often in so many days, for everybody together: what a team can do."""

    count: int = Field(ge=0)
    days: Days = 1


class Action(Said):
    """One thing that may be done. Without a channel it reaches nobody (wait, nothing, a task for a colleague), so that no rule of contact holds
    for it. `worth`: of one unit of reward."""

    name: Name
    does: Literal["send", "call", "route", "start", "offer", "escalate", "wait", "nothing"]
    channel: str = ""
    purpose: str = MARKETING
    goal: str = ""
    what: str = ""  # the template, team or agent
    tell: str = Field("", max_length=2000)  # what the agent is to reach, or the team to do
    cost: Amount = 0.0
    worth: Amount = 1.0
    cool_down: Annotated[float, Field(ge=0, le=3660)] = (
        0  # days until it may be done again for the same person
    )
    capacity: Capacity | None = None
    follow_up: FollowUp | None = None

    @model_validator(mode="after")
    def _reaches(self) -> Action:
        if self.does in ("send", "call", "offer") and not self.channel:
            raise ValueError(f"{self.does} needs a channel: without one no rule of contact would hold for it")
        if self.does in ("wait", "nothing") and self.channel:
            raise ValueError(f"{self.does} reaches nobody and has no channel")
        return self

    @property
    def rest(self) -> timedelta:
        return timedelta(days=self.cool_down)


class Quiet(Said):
    """Hours at which nobody is reached but who wrote to us, by the person's own clock. From 21:00 until 08:00 is one night."""

    start: time
    end: time
    channels: tuple[str, ...] = ()  # none: all

    @model_validator(mode="after")
    def _hours(self) -> Quiet:
        if self.start == self.end or self.start.tzinfo or self.end.tzinfo:
            raise ValueError("give two different times of the day without a zone, as 21:00 and 08:00")
        return self


class Cap(Said):
    """At most so many contacts with a person in so many days, whoever makes them. Answers to what a person wrote count where `purposes`
    names them."""

    name: Name
    count: int = Field(ge=0)
    days: Days
    channels: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()


class Law(Said):
    """What the law of some countries asks. Without countries it holds everywhere; for a person of unknown country all laws hold."""

    name: Name
    countries: tuple[Country, ...] = ()
    channels: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    consent: Needs | None = None
    quiet: Quiet | None = None
    weekdays: tuple[Annotated[int, Field(ge=1, le=7)], ...] = (1, 2, 3, 4, 5, 6, 7)  # Monday is 1
    because: str = ""

    @model_validator(mode="after")
    def _some(self) -> Law:
        if not self.weekdays:
            raise ValueError("a law that allows no day of the week: take the action out instead")
        return self


class Rules(Said):
    """Of contact, for all agents and campaigns. `zone`: for people whose time zone is not known; without it nobody of
    unknown zone is reached where hours matter. `consent`: what each purpose needs, of others a yes."""

    consent: dict[str, Needs] = Field({MARKETING: "yes", SERVICE: "not no", REPLY: "not no"})
    quiet: tuple[Quiet, ...] = ()
    caps: tuple[Cap, ...] = ()
    laws: tuple[Law, ...] = ()
    zone: Annotated[str, AfterValidator(_zone)] | None = None


class Playbook(Said):
    """`goals`: what counts, and how much a unit of each goal's value does; `urgency`: why somebody cannot wait; `budget`: what all actions may
    cost together in so many days, today among them (`budget_days`; where they are not said: in one round, and in a day of what is decided as it comes); `holdout`: the share of people for whom nothing is done, to know what doing brings; `window`: days after a decision in which outcomes
    are due to it; `every`: days for which a choice holds before the next is made for the same person, so that what follows is one choice's
    (as long as the window, where nothing else is said)."""

    actions: tuple[Action, ...] = Field(min_length=1, max_length=200)
    rules: Rules = Rules()
    goals: dict[str, Aim] = Field({})
    urgency: tuple[Urgency, ...] = Field((), max_length=20)
    budget: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    budget_days: Annotated[int, Field(ge=1, le=3660)] | None = None
    holdout: Annotated[float, Field(ge=0, le=0.5)] = 0.05
    window: Days = 14
    half_life: Days | None = None
    every: Days | None = None
    guardrails: tuple[Guardrail, ...] = GUARDRAILS
    templates: dict[str, Template] = Field({})
    whom: tuple[Annotated[str, AfterValidator(_asked)], ...] = Field(
        (), max_length=20
    )  # of whom it is: all of it
    at_once: bool = False  # decide for whoever something comes from, as it comes
    rounds: Days | None = (
        None  # how often workers decide for everybody; else whoever says `remit decisions run` does
    )
    through: dict[str, str] = Field({})  # by channel the connection of the workspace that templates go by

    @model_validator(mode="after")
    def _fits(self) -> Playbook:
        names = [action.name for action in self.actions]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"the action {min(twice)!r} is there twice")
        if unknown := {action.goal for action in self.actions if action.goal} - set(self.goals):
            raise ValueError(f"the goal {min(unknown)!r} of an action is not among the goals")
        return self

    @model_validator(mode="after")
    def _pressing(self) -> Playbook:
        names = {action.name for action in self.actions}
        for reason in self.urgency:
            if unknown := set(reason.actions) - names:
                raise ValueError(f"urgency: {min(unknown)!r} is no action here")
            if unknown := set(reason.goals) - set(self.goals):
                raise ValueError(f"urgency: {min(unknown)!r} is no goal here")
        if self.budget_days is not None and self.budget is None:
            raise ValueError("budget_days says for how long a budget is, and there is no budget")
        return self

    @model_validator(mode="after")
    def _followed(self) -> Playbook:
        named = {action.name: action for action in self.actions}
        for action in self.actions:
            passed, at = [action.name], action
            while at.follow_up is not None:
                if at.follow_up.then not in named:
                    raise ValueError(
                        f"{at.name} is followed up by {at.follow_up.then!r}, which is no action here"
                    )
                at = named[at.follow_up.then]
                if at.name in passed:
                    raise ValueError(
                        f"{' is followed up by '.join([*passed, at.name])}: that would never end"
                    )
                passed.append(at.name)
            if action.what in self.templates and action.channel not in WRITTEN:
                raise ValueError(
                    f"{action.name}: templates go by {', '.join(WRITTEN)}; have an agent send by {action.channel}, named in `what`"
                )
            if action.what in self.templates and action.channel not in self.through:
                raise ValueError(
                    f"{action.name} sends a template: say by which connection, as through: {{{action.channel}: desk}}"
                )
        return self

    @model_validator(mode="after")
    def _measured(self) -> Playbook:
        if not self.counted:
            return self
        if silent := [name for name, goal in self.goals.items() if not goal.counts]:
            raise ValueError(f"the goal {silent[0]!r} says nothing that counts, and others do: say it of all")
        if odd := [action.name for action in self.actions if action.worth != 1]:
            raise ValueError(
                f"the action {odd[0]!r} has a worth, but the goals say what counts: say the worth there"
            )
        return self

    @property
    def counted(self) -> bool:
        """Whether the goals say what counts. Then all of them count for every decision, and rewards are in their unit."""
        return any(goal.counts for goal in self.goals.values())

    @property
    def segments(self) -> set[str]:
        """Of whom it is, as far as segments say so."""
        return segments_in(self.whom)

    @property
    def whom_words(self) -> list[str]:
        """The same, all of it, for people to read."""
        return [in_words(one) for one in self.whom]

    @property
    def rests(self) -> timedelta:
        """How long a choice holds for a person."""
        return timedelta(days=self.window if self.every is None else self.every)

    def aim(self, action: Action) -> float:
        """What one unit of an action's reward is worth."""
        if self.counted or action.goal not in self.goals:
            return action.worth
        return action.worth * self.goals[action.goal].weight


def together(ours: Rules, own: Rules) -> Rules:
    """A workspace's rules and a playbook's own: both hold. Where the own say nothing of consent, the workspace's do."""
    consent = ours.consent
    if "consent" in own.model_fields_set:
        both = (ours.consent, own.consent)
        consent = {
            purpose: "yes" if "yes" in [some.get(purpose, "yes") for some in both] else "not no"
            for purpose in ours.consent | own.consent
        }
    return Rules(
        consent=consent,
        quiet=(*ours.quiet, *own.quiet),
        caps=(*ours.caps, *own.caps),
        laws=(*ours.laws, *own.laws),
        zone=own.zone or ours.zone,
    )
