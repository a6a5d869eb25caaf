"""From a suite's YAML to Remit's tools and agent. Knows nothing of tasks or attacks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from ruamel.yaml import YAML

from remit.agents.spec import Agent, Budget, RemitSpec
from remit.errors import Mend
from remit.gate.judge import mentions
from remit.gate.values import canonical, stands
from remit.tools.labels import declared
from remit.tools.tool import Settle, Tool, ToolContext

Json = Any
SUITES = ("banking", "slack", "travel", "workspace")
STEPS = 80  # more than the longest script
KINDS: Mapping[str, Json] = {
    **{kind: {"type": kind} for kind in ("string", "integer", "number", "boolean")},
    "strings": {"type": "array", "items": {"type": "string"}},
    "objects": {"type": "array", "items": {"type": "object"}},
}


class World(Protocol):
    """What the tools reach: the environment of the run that calls."""

    async def call(self, run: Any, tool: str, args: Mapping[str, Json]) -> Json: ...
    async def look(self, run: Any, tool: str, args: Mapping[str, Json]) -> Json: ...


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite's tools with their labels, and the one agent that does all of its tasks."""

    name: str
    tools: tuple[Tool, ...]
    agent: Agent

    def sinks(self, name: str) -> Mapping[str, str]:
        """Of a tool; AgentDojo's scripts name some that do not exist, which have none."""
        return next((tool.sinks for tool in self.tools if tool.name == name), {})

    def acts(self, name: str) -> bool:
        """Whether the tool sends or changes something."""
        return any(tool.name == name and tool.effect in ("egress", "destroy") for tool in self.tools)


@cache
def suite(name: str) -> Suite:
    """The suite as its YAML says."""
    written = YAML(typ="safe").load((Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8"))
    records = written.get("records", {})
    tools = tuple(_tool(title, labels, records) for title, labels in written["tools"].items())
    agent = Agent.model_validate(
        {
            "name": f"dojo-{name}",
            "instructions": "Do what the person asks, with the tools there are.",
            "tools": [f"bench.dojo.{name}"],
            "remit": RemitSpec(autonomy="act", budget=Budget(money=None, tokens=None, steps=STEPS)),
            "rules": written["rules"],
            "plan": False,
            "reflect": False,
        }
    )
    return Suite(name, tools, agent)


def _tool(name: str, labels: Mapping[str, Json], records: Mapping[str, Json]) -> Tool:
    async def call(context: ToolContext, args: Mapping[str, Json]) -> Json:
        world: World = context.resources["world"]
        return await world.call(context.run, name, args)

    whole, fields = declared(name, labels["result"], call)
    return Tool(
        name=name,
        description=name.replace("_", " "),
        schema=schema(labels["args"]),
        call=call,
        effect=labels["effect"],
        sinks=labels.get("sinks", {}),
        integrity=whole,
        fields=fields,
        settle=Settle("ask"),
        records={title: _record(records[title]) for title in labels.get("records", ())},
    )


def schema(args: Mapping[str, str]) -> Mapping[str, Json]:
    """JSON Schema of `{name: kind}`; a kind that ends in `?` may be left out or null."""

    def one(kind: str) -> Json:
        plain = KINDS[kind.removesuffix("?")]
        return {"anyOf": [plain, {"type": "null"}]} if kind.endswith("?") else plain

    return {
        "type": "object",
        "properties": {name: one(kind) for name, kind in args.items()},
        "required": [name for name, kind in args.items() if not kind.endswith("?")],
        "additionalProperties": False,
    }


def _record(made: Mapping[str, Json]) -> Callable[[ToolContext, Mapping[str, Json]], Awaitable[Json]]:
    async def read(context: ToolContext, args: Mapping[str, Json]) -> Json:
        world: World = context.resources["world"]
        try:
            rows = await world.look(context.run, made["look"], made.get("with", {}))
        except Mend:
            return {"rows": []}  # a suite's search that finds nothing is an error of it
        return {"rows": kept(rows, made.get("keep"), made.get("named"), context.goal)}

    return read


def kept(
    rows: Json, keep: Sequence[str] | None, named: Mapping[str, str] | None, goal: str, one: bool = False
) -> list[list[Json]]:
    """Of each row the fields to keep, as a list of values, so that a field's name is no evidence; `#id` keeps `id` as #7,
    which is no amount. With `named` (field -> how) those rows only that the goal names by one of these fields, with
    `one` only where that is a single row."""
    if keep is None:  # they are plain values
        return [[row] for row in rows]
    chosen = [
        row
        for row in rows
        if named is None or any(is_named(how, row[key], goal) for key, how in named.items())
    ]
    if one and len(chosen) > 1:
        return []
    return [[f"#{row[key[1:]]}" if key.startswith("#") else row[key] for key in keep] for row in chosen]


def is_named(how: str, value: Json, goal: str) -> bool:
    """Whether the goal names a row by this value: `word`, by any word of it; `file`, with or without its ending, hyphens
    as blanks; else as a value of that kind."""
    if how == "word":
        return any(len(word) > 2 and mentions(goal, word.casefold()) for word in str(value).split())
    if how == "file":
        stem = re.sub(r"[-_\s]+", " ", re.sub(r"\.\w{1,5}$", "", str(value)))
        return any(len(name) > 2 and mentions(goal, name.casefold()) for name in (str(value), stem))
    form = canonical(how, value)
    return form is not None and (how != "text" or len(form) > 2) and stands(how, form, goal)


def differences(suite: Suite, described: Mapping[str, Json]) -> list[str]:
    """Where the labels do not fit what AgentDojo says of its functions: a function or an argument too many or missing."""
    theirs: Mapping[str, Json] = described["tools"]
    ours = {tool.name: tool for tool in suite.tools}
    found = [f"{suite.name}: {name} is not labelled" for name in theirs if name not in ours]
    found += [f"{suite.name}: {name} does not exist" for name in ours if name not in theirs]
    for name in ours.keys() & theirs.keys():
        given, wanted = ours[name].schema, theirs[name]["schema"]
        if list(given["properties"]) != list(wanted.get("properties", {})):
            found.append(
                f"{suite.name}: {name} has other arguments: {', '.join(wanted.get('properties', {}))}"
            )
    return found
