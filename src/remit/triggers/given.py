"""What a run is told of the event that began it. The goal is the owner's, word for word: what the event says is never put into
it. `{order.id}` stays as it is, and the run is shown beside it what that stands for: as a fact where the owner has said that the
sender vouches for that field, else as somebody else's words. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jsonschema

from remit.agents.triggers import MESSAGES, PLACE, Trigger
from remit.cron import parse_zone
from remit.errors import UserError
from remit.journal.events import Person

Json = Any
OWN = ("run", "status", "agent")  # of a run that has ended: what Remit itself says of it
LONGEST = 500  # characters of a fact
WHOLE = 100_000  # characters of what is quoted


@dataclass(frozen=True, slots=True)
class Given:
    """What a run begins with."""

    goal: str
    inputs: dict[str, Json]
    quoted: str
    person: Person


def given(trigger: Trigger, event: Mapping[str, Json], by: str = "") -> Given:
    """`by`: who had it begin by hand. Raises UserError where the event does not say what the trigger needs."""
    if trigger.kind == "schedule":
        at = datetime.fromisoformat(event["time"]).astimezone(parse_zone(trigger.zone))
        inputs = {"scheduled_for": at.isoformat(timespec="minutes")} | trigger.inputs
        return Given(trigger.goal, inputs, "", Person(by=by))
    if trigger.kind in MESSAGES:
        return _written(trigger, event)
    said: Json = event["body"] if trigger.kind == "webhook" else event
    facts = trigger.facts if trigger.kind == "webhook" else {name: name for name in OWN}
    inputs = dict(trigger.inputs) | {name: _fact(said, path) for name, path in facts.items()}
    by_path = {path: name for name, path in facts.items()}
    goal = PLACE.sub(lambda found: "{" + by_path.get(found[1], found[1]) + "}", trigger.goal)
    sender = f"the webhook {trigger.name}" if trigger.kind == "webhook" else f"the run of {event['agent']}"
    person = _person(trigger, said, by)
    return Given(goal, inputs, _quoted(trigger, said, sender, by_path), person)


def _written(trigger: Trigger, event: Mapping[str, Json]) -> Given:
    """Of what somebody has written: for them, where they are verified; for nobody else. Their words are quoted, or, where the
    owner has said so and they are verified, what is asked; what they pass on of others is quoted in any case."""
    verified = event["verified"] is True
    asks = trigger.sender_asks and verified
    inputs = dict(trigger.inputs) | dict(event["facts"])
    person = Person()
    if verified:
        email = event["from"] if trigger.kind == "mail" else event.get("email", "")
        person = Person(id=event["who"], email=email, name=event["name"], verified=True)
    sender = f"{event['from'] or 'somebody'} ({'verified' if verified else 'not verified'})"
    if not asks and trigger.places:
        shown = {name: event.get(name, "") for name in trigger.places}
        lines = [f"{{{name}}} in the goal stands for: {_text(value)}" for name, value in shown.items()]
        return Given(trigger.goal, inputs, "\n".join([f"As {sender} has it:", *lines])[:WHOLE], person)
    own = "\n".join(filter(None, (event["subject"], event["text"])))
    goal = f"{trigger.goal}\n\n{own}" if asks and own else trigger.goal
    goal = (
        f"{goal}\n\n{event['told']}" if event.get("told") else goal
    )  # a colleague's words, who may begin runs
    quoted = [] if asks else [f"What {sender} wrote:", own]
    quoted += [f"What {sender} passes on of others:", event["quoted"]] if event["quoted"] else []
    quoted += [f"What was said in this chat before:\n{event['before']}"] if event.get("before") else []
    quoted += [f"It answers a mail of an earlier run. {event['earlier']}"] if event.get("earlier") else []
    quoted += [f"Files came with it: {', '.join(event['files'])}"] if event["files"] else []
    return Given(goal[:WHOLE], inputs, "\n".join(quoted)[:WHOLE], person)


def require_body(trigger: Trigger, body: Json) -> None:
    """Raises UserError where a body does not fit the trigger's schema, or lacks what the run is to be told."""
    if trigger.schema_ is not None:
        wrong = next(iter(jsonschema.Draft202012Validator(trigger.schema_).iter_errors(body)), None)
        if wrong is not None:
            where = "/" + "/".join(map(str, wrong.absolute_path))
            raise UserError(f"{where}: {wrong.message[:300]}")
    given(trigger, {"body": body})


def _quoted(trigger: Trigger, said: Json, sender: str, facts: Mapping[str, str]) -> str:
    if not trigger.places:
        whole = said if trigger.kind == "webhook" else said.get("report", "")
        return f"What {sender} said:\n{_text(whole)}"[:WHOLE] if whole not in ("", None) else ""
    theirs = [path for path in trigger.places if path not in facts]
    if not theirs:
        return ""
    lines = [f"{{{path}}} in the goal stands for: {_text(_at(said, path))}" for path in theirs]
    return "\n".join([f"As {sender} has it:", *lines])[:WHOLE]


def _fact(said: Json, path: str) -> Json:
    value = _at(said, path)
    if isinstance(value, dict | list) or value is None:
        raise UserError(f"{path}: a fact is a text, a number, true or false")
    if isinstance(value, str) and (len(value) > LONGEST or not value.isprintable()):
        raise UserError(f"{path}: a fact has at most {LONGEST} characters, in one line")
    return value


def _person(trigger: Trigger, said: Json, by: str) -> Person:
    if trigger.person is None:
        return Person(by=by)
    email = _at(said, trigger.person)
    if not isinstance(email, str) or "@" not in email or len(email) > 254 or not email.isprintable():
        raise UserError(f"{trigger.person}: should be an e-mail address: the person for whom the run acts")
    email = email.strip()
    # Whose word it is where somebody at a keyboard has typed the body: theirs, and no sender's
    return Person(id=email, email=email, verified=trigger.verified and not by, by=by)


def _at(said: Json, path: str) -> Json:
    """Raises UserError where nothing is there."""
    value = said
    for part in path.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isascii() and part.isdigit() and int(part[:9]) < len(value):
            value = value[int(part[:9])]
        else:
            raise UserError(f"{path}: is not there")
    return value


def _text(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
