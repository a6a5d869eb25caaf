"""Triggers in words, for pages and terminals. Pure."""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from remit.agents.triggers import Trigger
from remit.cron import parse_cron, parse_zone, times, words
from remit.journal.events import Began

SENDERS = {
    "standard": "signed as Standard Webhooks has it",
    "hmac": "signed by HMAC-SHA256, as GitHub does",
    "token": "with a bearer token",
}
NEXT = 5  # times that are told ahead


def begins(trigger: Trigger) -> str:
    """When it begins a run: `At 09:00 every day, in Europe/Berlin`."""
    if trigger.schedule is not None:
        return words(parse_cron(trigger.schedule), trigger.zone)
    if trigger.webhook is not None:
        return f"When something is posted to its address, {SENDERS[trigger.webhook]}"
    if trigger.mail is not None:
        return f"When mail comes to {trigger.mail}"
    if trigger.chat is not None:
        return f"When a visitor of {' or '.join(trigger.chat)} writes in the chat"
    if trigger.sms is not None:
        return f"When somebody writes to the number of {trigger.sms}, by SMS or WhatsApp"
    if trigger.slack is not None:
        return f"When somebody writes in Slack, by the connection {trigger.slack}"
    return (
        f"When a run of {trigger.after} has ended{': ' + ' or '.join(trigger.ended) if trigger.ended else ''}"
    )


def sentence(trigger: Trigger) -> str:
    """All of it that a person decides on."""
    told = [f"{trigger.name}: {begins(trigger)}"]
    told += [f"if {' '.join(trigger.when.split())}"] if trigger.when else []
    if trigger.schedule is not None and trigger.missed == "skip":
        told.append("times at which no worker ran are left out")
    if trigger.at_most is not None:
        more = "one more waits" if trigger.busy == "queue" else "one more is left out"
        told.append(f"at most {trigger.at_most} open, {more}")
    if trigger.purpose:
        told.append(f"for {' and '.join(trigger.purpose)}")
    if trigger.facts:
        told.append(f"the sender vouches for {', '.join(trigger.facts.values())}")
    if trigger.person:
        sure = "verified" if trigger.verified else "not verified"
        told.append(f"for the person in {trigger.person}, {sure}")
    if trigger.sender_asks:
        told.append("what a verified sender writes is what is asked")
    return f"{', '.join(told)}. Goal: {' '.join(trigger.goal.split())}"


def ahead(trigger: Trigger, moment: datetime) -> list[datetime]:
    """The next times of a schedule, by the clock of its zone."""
    if trigger.schedule is None:
        return []
    zone = parse_zone(trigger.zone)
    return [one.astimezone(zone) for one in islice(times(parse_cron(trigger.schedule), zone, moment), NEXT)]


def began_by(began: Began) -> str:
    """What began a run: `the schedule morning`."""
    told = (
        f"the {began.kind} {began.trigger}"
        if began.kind != "after"
        else f"{began.trigger}, after a run of {_last(began)}"
    )
    return f"{told}, by hand of {began.by}" if began.by else told


def _last(began: Began) -> str:
    return began.chain[-1] if began.chain else "another agent"
