"""An agent in sentences: what it may use, what it may do alone, what is asked, how far it goes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from remit.agents.spec import Agent, Check
from remit.catalogue.plain import KNOWN, Choice, about, blocks
from remit.tools.tool import Tool
from remit.triggers.words import sentence as of_trigger

Json = Any
EFFECTS = {
    "read": "looks",
    "self": "changes only what is its own",
    "egress": "sends something out",
    "destroy": "changes or removes things",
}
AUTONOMY = {
    "shadow": "Only shows what it would do; nothing is sent or changed.",
    "draft": "Only drafts; every call that would send or change something is refused.",
    "ask": "Asks a person before each call that sends or changes something.",
    "act": "Acts by its rules; what no rule allows is refused.",
}
SAYS = {"allow": "done alone", "ask": "a person is asked first", "deny": "refused"}
READING = {
    "open": "Reads strangers' words as they stand.",
    "airlock": "Reads strangers' words only as a form that another model fills in.",
}


def span(time: timedelta) -> str:
    """`30 min`, `2 h`."""
    seconds = time.total_seconds()
    for length, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= length and not seconds % length:
            return f"{int(seconds // length)} {name}"
    return f"{seconds:g} s"


def of_choice(tool: str, choice: Choice, effect: str = "egress", autonomy: str = "act") -> str:
    """What a choice means, as a sentence."""
    acts = effect in ("egress", "destroy")
    first = " (this agent asks before each such call anyway)" if acts and autonomy == "ask" else ""
    match choice.may:
        case "alone":
            return f"{tool}: done alone{first}."
        case "ask":
            return f"{tool}: a person is asked first."
        case "never":
            return f"{tool}: never."
        case "known":
            otherwise = "a person is asked first" if choice.above == "ask" else "never"
            return f"{tool}: done alone {KNOWN[tool][1]}{first}; otherwise {otherwise}."
        case "upto":
            above = "above, a person is asked first" if choice.above == "ask" else "above, never"
            return f"{tool}: done alone while {choice.argument} is at most {choice.most}{first}; {above}."
    if not acts:
        return f"{tool}: done alone; it {EFFECTS[effect]}."
    return f"{tool}: {'a person is asked first' if autonomy == 'ask' else 'never'}, as no rule speaks of it."


def of_rule(rule: Mapping[str, Json]) -> str:
    """A rule that is no choice, with its condition as it is written."""
    names, key = _about(rule)
    if not key:
        return f"{names}: a rule that decides nothing."
    condition = " ".join(str(rule[key]).split())
    when = "" if condition == "true" else f" if {condition}"
    whom = rule.get("by")
    by = f", by {whom if isinstance(whom, str) else ', '.join(whom)}" if whom else ""
    why = f" ({rule['because']})" if rule.get("because") else ""
    return f"{names}: {SAYS[key]}{by}{when}{why}."


def in_words(rule: Mapping[str, Json]) -> str:
    """The same for who does not read conditions: its reason stands for the condition, where it has one."""
    names, key = _about(rule)
    if not key or not rule.get("because") or rule.get("by"):
        return of_rule(rule)
    return f"{names}: {SAYS[key]}{', unless' if key == 'allow' else ''}: {rule['because']}."


def _about(rule: Mapping[str, Json]) -> tuple[str, str]:
    """The tools that it is about, and what it does."""
    tools = rule.get("tool")
    names = ", ".join(map(str, tools)) if isinstance(tools, list | tuple) else str(tools)
    return names, next((key for key in SAYS if rule.get(key) is not None), "")


def of_check(check: Check) -> str:
    if check.rubric is not None:
        return f"{check.name}: a model finds that {check.rubric}"
    if check.python is not None:
        return f"{check.name}: {check.python}"
    if check.sql is not None:
        return f"{check.name}: {check.sql} gives yes"
    if check.schema_ is not None:
        return f"{check.name}: its result has the form that is wanted"
    return f"{check.name}: code says so ({check.code})"


def sentences(agent: Agent, tools: Mapping[str, Tool]) -> list[str]:
    """All of a spec that a person decides on, a sentence each, so that two can be compared."""
    return [sentence for sentence in _all(agent, tools) if sentence.strip()]


def _all(agent: Agent, tools: Mapping[str, Tool]) -> Iterator[str]:
    yield f"Is for: {agent.description}" if agent.description else ""
    for line in agent.instructions.splitlines():
        yield f"Is told: {line}" if line.strip() else ""
    models = agent.model if isinstance(agent.model, str) else ", then ".join(agent.model)
    yield f"Thinks with: {models}."
    yield AUTONOMY[agent.remit.autonomy]
    rules = [rule.model_dump(mode="json", by_alias=True, exclude_defaults=True) for rule in agent.rules]
    yield from _rules(agent, rules, tools)
    yield from _bounds(agent)
    for check in agent.checks:
        yield f"Is done when {of_check(check)}"
    for member in agent.team:
        yield f"May leave parts to {member.name}."
    yield READING[agent.reading]
    if agent.guardian:
        watch = f", for {agent.guardian.watch}" if agent.guardian.watch else ""
        yield f"A second model looks at what is allowed before it happens{watch}."
    for trigger in agent.triggers:
        yield f"Begins by itself, {of_trigger(trigger)}"
    for name in agent.connections:
        yield f"Is connected to {name}."
    for name in agent.resources:
        yield f"Has the resource {name}."


def _rules(agent: Agent, rules: Sequence[Mapping[str, Json]], tools: Mapping[str, Tool]) -> Iterator[str]:
    known = blocks(rules)
    taken = {place for block in known.values() for place in block.places}
    special = [rule for place, rule in enumerate(rules) if place not in taken]
    for rule in special:
        yield f"Special rule: {of_rule(rule)}"
    for name, tool in tools.items():
        yield (
            of_choice(
                name, known[name].choice if name in known else Choice(), tool.effect, agent.remit.autonomy
            )
            if name in known or not _spoken_of(name, special)
            else f"{name}: as the special rules say."
        )


def _spoken_of(tool: str, special: Sequence[Mapping[str, Json]]) -> bool:
    return any(about(rule, tool) for rule in special)


def _bounds(agent: Agent) -> Iterator[str]:
    budget = agent.remit.budget
    money = "any amount of money"
    if budget.money is not None:
        cents = budget.money == round(budget.money, 2)
        money = f"${budget.money:,.2f}" if cents else f"${budget.money}"
    tokens = f"{budget.tokens:,} tokens" if budget.tokens is not None else "any number of tokens"
    yield f"Spends at most {money}, {tokens}, {budget.steps} steps and {span(budget.wall)} of work a run."
    if agent.remit.deadline:
        yield f"Stops on {agent.remit.deadline:%d %B %Y, %H:%M}."
    if agent.remit.destinations:
        yield f"Reaches on the web only {', '.join(agent.remit.destinations)}."
    if agent.grant == "goal":
        yield "May do only what its goal asks for, as it was read before anything else."
    limits = agent.limits
    for says, value in (("at once", limits.runs), ("begun", limits.starts), ("open", limits.queue)):
        if value is not None:
            yield f"Has at most {value} runs {says}."
