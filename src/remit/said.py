"""What an event says, in plain words, for whoever shows it: the command line and the pages of the console. Pure."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

from pydantic_core import to_json

from remit.gate.approval import needs
from remit.journal.events import (
    Acted,
    Amended,
    Answered,
    Asked,
    Checked,
    Delegated,
    Endorsed,
    Event,
    Finished,
    Granted,
    HandedOver,
    Intended,
    Judged,
    Narrowed,
    Nudged,
    Paused,
    Planned,
    Replied,
    Resumed,
    Returned,
    Screened,
    Slept,
    Started,
    UndoWanted,
    Woken,
)

# strong: what matters of it. soft: beside it. machine: a model, or what stands beside one. person: people, and waiting for
# them. bounds: what holds the run. word: a state, a verdict or an outcome, told by a colour of its own.
Tone: TypeAlias = Literal["", "strong", "soft", "machine", "person", "bounds", "word"]
Part: TypeAlias = tuple[str, Tone]


def said(event: Event) -> list[Part]:
    """What an event says."""
    body = event.body
    match body:
        case Started():
            return [(f"{body.agent} ", "strong"), (first_line(body.goal), "")]
        case Answered() | Screened():
            return _thought(body)
        case Judged():
            about: list[Part] = [(f"judged {body.call_id} {body.tool} ", "soft"), (body.decision, "word")]
            return [*about, (grounds(body), "soft")]
        case Intended():
            attempt = "" if body.attempt == 1 else f" attempt {body.attempt}"
            return [(f"intends {body.call_id}", "soft"), (attempt, "")]
        case Acted():
            did = body.effect in ("egress", "destroy") and body.status == "ok"
            name: Part = (f"did {body.tool} ", "strong") if did else (f"got {body.tool} ", "")
            return [name, (body.status, "word"), (f" {plainly(body.result)}", "")]
        case (
            Asked() | Amended() | Endorsed() | HandedOver() | Replied() | UndoWanted() | Paused() | Resumed()
        ):
            return _of_people(body)
        case Planned():
            return [("plan ", "machine"), ("; ".join(body.steps), "")]
        case Nudged():
            return [("nudged ", "person"), (body.reason, "")]
        case Checked():
            return [(f"check {body.check} ", ""), (body.verdict, "word"), (f" {body.detail}", "")]
        case Slept():
            until = f"until {body.until:%d %b %H:%M:%S} UTC {body.why}"
            return [(f"sleeps {body.call_id} ", "person"), (until, "")]
        case Woken():
            return [(f"woken {body.call_id}", "soft"), (body.why if body.why != "timer" else "", "")]
        case Granted():
            asked = ", ".join(f"{name} ×{times}" for name, times in body.tools.items())
            return [("grant ", "bounds"), (asked or "no effects", ""), (f"  by {body.by}", "soft")]
        case Narrowed():
            more = "1 rule" if len(body.rules) == 1 else f"{len(body.rules)} rules"
            return [("narrowed ", "bounds"), (f"by {more} that the workspace has now", "")]
        case Delegated():
            to = f"to {body.agent}, run {str(body.child)[:8]}"
            return [(f"delegates {body.call_id} ", "strong"), (to, "")]
        case Returned():
            return [(f"back from run {str(body.child)[:8]} ", ""), (body.status, "word")]
        case Finished():
            return [("ended ", "strong"), (body.status, "word"), (f" {body.why}", "")]
        case _:
            fields = brief(body.model_dump(exclude_defaults=True, exclude={"type"}))
            return [(fields, "soft"), (f" {body.type}", "")]


def _thought(body: Answered | Screened) -> list[Part]:
    """What a model said."""
    if isinstance(body, Screened):
        return [(f"airlock {body.call_id} ", "machine"), (screened(body), "")]
    cost: Part = (spent(body), "soft")
    if body.purpose == "guard":
        heard = body.data if isinstance(body.data, dict) else {}
        decision = str(heard.get("decision", "nothing"))
        why = first_line(str(heard.get("why", "")))
        return [("guardian says ", "machine"), (decision, "word"), (f"  {why}", ""), cost]
    if body.purpose == "screen":
        return [("the airlock reads", "machine"), cost]
    calls = "; ".join(f"{c.tool} {plainly(c.args)}".rstrip() for c in body.calls)
    return [("thought ", "machine"), (calls or first_line(body.text), ""), cost]


def _of_people(
    body: Asked | Amended | Endorsed | HandedOver | Replied | UndoWanted | Paused | Resumed,
) -> list[Part]:
    """What a person is asked, or says."""
    match body:
        case Asked():
            wanted = needs(body)
            asks: list[Part] = [(f"asks {body.ask_id} ", "person"), (body.text, "")]
            return [*asks, (f" (wants {wanted})", "soft")] if wanted else asks
        case Amended():
            now = [f"{name} is {plainly(value)}" for name, value in body.args.items()]
            now += [f"{name} is left out" for name in body.without]
            return [(f"{body.by} changes {body.call_id}: ", "person"), ("; ".join(now), "")]
        case Endorsed():
            yes = f"{body.text or body.ask_id}, others must too"
            return [(f"{body.by}: approve ", "person"), (yes, "")]
        case HandedOver():
            what = f"lets {body.to} decide {body.ask_id}" if body.to else f"decides {body.ask_id} again"
            return [(f"{body.by} ", "person"), (what, "")]
        case Replied():
            return [(f"{body.by}: {body.decision} ", "person"), (body.text, "")]
        case UndoWanted():
            return [(f"{body.by}: ", "person"), (f"undo {body.call_id}", "")]
        case Paused() if body.over is not None:
            return [(f"{body.by} ", "person"), ("talks in the agent's place", "")]
        case Resumed() if body.over is not None:
            return [("the agent's again ", "person"), (first_line(body.words), "")]
        case Paused() | Resumed():
            return [(f"{body.type} ", "person"), (f"by {body.by}", "")]


def screened(body: Screened) -> str:
    """The form as it was filled in; all of it, since nothing in it is long."""
    if not body.readable:
        return "could make nothing of it"
    words = {
        name: ", ".join(value) if isinstance(value, list) else value for name, value in body.form.items()
    }
    return ", ".join(
        f"{name} {to_json(v).decode() if isinstance(v, bool) else v}" for name, v in words.items()
    )


def spent(body: Answered) -> str:
    """What an answer took; nothing is said of nothing."""
    parts = [
        f"{body.input_tokens + body.output_tokens:,} tokens"
        if body.input_tokens + body.output_tokens
        else "",
        f"{body.seconds:.1f} s" if body.seconds >= 0.05 else "",
        f"${body.cost:.4f}" if body.cost else "",
    ]
    return "".join(f"  {part}" for part in parts if part)


def grounds(body: Judged) -> str:
    """By which rule, and why; a rule's name begins with its decision, and is its reason where it gives none."""
    rule = body.rule.removeprefix(f"{body.decision} ")
    reasons = [reason for reason in body.reasons if rule not in reason]
    return f" by {brief(rule, 70)}" + (f": {'; '.join(reasons)}" if reasons else "")


def plainly(value: object, limit: int = 100) -> str:
    """A value without the signs of JSON: `order W1, amount 20`. What is empty in a call or a record is left out, or said to be none."""
    flat = " ".join(_flat(value).split())
    return flat if len(flat) <= limit else flat[:limit] + "…"


def _flat(value: object, within: bool = False) -> str:
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case dict():
            kept = [(name, one) for name, one in value.items() if one not in ("", None, {})]
            text = ", ".join(
                f"no {name}" if one == [] else f"{name} {_flat(one, True)}" for name, one in kept
            )
            return f"({text})" if within and text else text
        case list() | tuple():
            text = ", ".join(_flat(one, True) for one in value[:20])
            return text if len(value) <= 20 else f"{text} …"
        case str():
            return value
        case _:
            return to_json(value, fallback=str).decode()


def brief(value: object, limit: int = 100) -> str:
    text = value if isinstance(value, str) else to_json(value, fallback=str).decode()
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[:limit] + "…"


def first_line(text: str) -> str:
    """A goal in a line, without the salutation of a mail."""
    return brief(re.sub(r"^(hello|hi|hey|dear)\b[^\n]{0,30}\n", "", text.strip(), flags=re.IGNORECASE), 90)
