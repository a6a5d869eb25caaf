"""Examples of what a policy is to decide, kept in a file beside the agent's and judged by the gate itself.

For `shop.yaml` the file is `shop.policy.yaml`. Nothing is called and no record is read: an example says what the gate
would find.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from remit import library
from remit.agents.purpose import purposes_of
from remit.agents.spec import Agent, RemitSpec
from remit.agents.workspace import Workspace, check_rule, compilable
from remit.agents.yaml import line_of, plain, read_file
from remit.errors import Mend, SpecError, UnknownName, UserError
from remit.gate.judge import judge
from remit.gate.proposal import Facts, Proposal, Verdict
from remit.gate.rules import Rule as Compilable
from remit.gate.rules import compile_rules
from remit.gate.sums import named, nothing
from remit.journal.events import Person
from remit.outfit import Outfit, outfit
from remit.tools.registry import installed
from remit.tools.tool import Tool, ToolContext

Json = Any
ANY = Agent(name="any", remit=RemitSpec(autonomy="act"))  # one that is allowed everything
SAID = {"allow": "allowed", "ask": "asked about", "deny": "denied"}


class Labels(BaseModel):
    """Confidentiality, as `labels` in a condition."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: list[str] = []
    args: dict[str, list[str]] = {}
    purposes: dict[
        str, list[str]
    ] = {}  # what stands in an argument may be used for these; left out: for everything


class Situation(BaseModel):
    """What the gate is to know, as a run would have it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    person: Person | None = None
    inputs: dict[str, Json] = {}
    records: dict[str, dict[str, Json]] = {}
    goal: str = ""
    untrusted: bool = False
    counts: dict[str, int] = {}  # tool -> how often it succeeded before
    sums: dict[str, int | float] = {}  # as they stand in a rule -> what they come to; 0 where nothing is said
    labels: Labels = Labels()  # of what was read and of what stands in the arguments, as rules see them
    autonomy: Literal["shadow", "draft", "ask", "act"] | None = None  # None: the agent's

    @field_validator("person", mode="before")
    @classmethod
    def _known(cls, value: Json) -> Json:
        """A journal's person may have fields of a newer Remit; one that is written by hand may only be misspelt."""
        if isinstance(value, dict) and (
            unknown := sorted(map(str, value.keys() - Person.model_fields.keys()))
        ):
            raise ValueError(f"{unknown[0]!r} is none of {', '.join(Person.model_fields)}")
        return value


class Example(Situation):
    """One call, and what is to be decided of it. `rule` and `because`: a part of the deciding rule's name and of the reasons."""

    name: str = ""
    tool: str
    args: dict[str, Json] = {}
    expect: Literal["allow", "ask", "deny"]
    rule: str = ""
    because: str = ""

    @property
    def title(self) -> str:
        return self.name or f"{self.tool} is {SAID[self.expect]}"


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    given: Situation = Situation()  # of every example that does not say otherwise
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of an example. `wrong`: how it differs from what was expected, one line each."""

    example: Example
    verdict: Verdict | None
    wrong: tuple[str, ...]


def beside(agent: str) -> Path:
    """The file of examples of an agent, given by its file or its name in the library. Raises UnknownName."""
    path = Path(agent)
    if path.suffix not in (".yaml", ".yml"):
        known = library.agents()
        if agent not in known:
            raise UnknownName("agent", agent, known)
        path = known[agent]
    return path.with_name(f"{path.stem}.policy.yaml")


def load_examples(path: Path) -> tuple[Example, ...]:
    """Raises SpecError with the line for a file that cannot be used."""
    try:
        data = read_file(path)
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}; examples of a policy are kept there") from error
    if not isinstance(data, dict):
        raise SpecError("a file of examples is a mapping: `examples:`, and perhaps `given:`", str(path), 1)
    try:
        file = _File.model_validate(
            json.loads(json.dumps(plain(data), default=str))
        )  # numbers as a run has them
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SpecError(f"{where}: {first['msg']}", str(path), line_of(data, first["loc"])) from error
    return tuple(_over(file.given, one) for one in file.examples)


def _over(given: Situation, example: Example) -> Example:
    """The example with what it leaves unsaid as it was given for all; records and inputs one by one."""
    filled: dict[str, Json] = {}
    for name in Situation.model_fields:
        common, own = getattr(given, name), getattr(example, name)
        if name in ("records", "inputs", "counts", "sums"):
            filled[name] = {**common, **own}
        elif name not in example.model_fields_set:
            filled[name] = common
    return example.model_copy(update=filled)


def misspelt(examples: Iterable[Example], made: Outfit) -> list[str]:
    """Examples of tools that the agent does not have, and that are nearly named as one that it has: what is expected to be
    denied is denied then, but for another reason."""
    unknown = {example.tool: example for example in examples if example.tool not in made.tools}
    near = {name: difflib.get_close_matches(name, made.tools, n=1, cutoff=0.8) for name in unknown}
    return [
        f"example {unknown[name].title!r}: the agent has no tool {name!r}; did you mean {tools[0]!r}?"
        for name, tools in near.items()
        if tools
    ]


def try_example(agent: Agent, example: Example) -> Tried:
    """Judge it as the loop would."""
    return _tried(agent, outfit(agent), example)


def try_narrowing(workspace: Workspace, example: Example) -> Tried:
    """Judge it by the rules of a workspace alone: as a call of an agent whose own rules allow everything. A tool that is
    not installed, as one beside an agent, takes any arguments and has no sinks."""
    rules = [compilable(rule) for rule in workspace.rules]
    records = {name for rule in rules for name in check_rule(rule)}
    every = compile_rules([Compilable(("*",), "allow", "true")], records, workspace=rules)
    tool = installed().get(example.tool) or Tool(example.tool, "", {}, _never)
    return _tried(ANY, Outfit({example.tool: tool}, every, ()), example)


async def _never(context: ToolContext, args: object) -> Json:
    raise AssertionError("an example is not carried out")


def _tried(agent: Agent, made: Outfit, example: Example) -> Tried:
    try:
        proposal = proposed(made.tools.get(example.tool), example.tool, example.args)
        facts = facts_of(agent, made, example)
    except Mend as error:
        return Tried(example, None, (f"the call itself is wrong: {error}",))
    verdict = judge(proposal, facts, made.rules)
    wrong = []
    if verdict.decision != example.expect:
        wrong.append(
            f"expected {example.expect}, decided {verdict.decision}: {'; '.join(verdict.reasons) or verdict.rule}"
        )
        unread = ungiven(made, example.tool, example)
        wrong += [f"a rule asks about {name}, and the example has no such record" for name in unread]
    if example.rule and example.rule not in verdict.rule:
        wrong.append(f"expected a rule with {example.rule!r}, decided by: {verdict.rule}")
    if example.because and example.because not in (said := "; ".join(verdict.reasons)):
        wrong.append(f"expected the reason {example.because!r}, said: {said or 'nothing'}")
    return Tried(example, verdict, tuple(wrong))


def proposed(tool: Tool | None, name: str, args: Mapping[str, Json]) -> Proposal:
    """A call as the loop puts it to the gate. Raises Mend for arguments that do not fit the tool."""
    if tool is None:
        return Proposal(name, args, "destroy")
    valid = tool.validate(args) if tool.validate else args
    sinks = {argument: kind for argument, kind in tool.sinks.items() if argument in args}
    return Proposal(tool.name, valid, tool.effect, sinks, written=args, clearance=tool.clearance)


def facts_of(agent: Agent, made: Outfit, situation: Situation) -> Facts:
    """Raises SpecError for a sum that no rule asks about."""
    return Facts(
        autonomy=situation.autonomy or agent.remit.autonomy,
        tools=made.tools.keys(),
        person=(situation.person or Person()).model_dump(),
        inputs=situation.inputs,
        records=situation.records,
        untrusted=situation.untrusted,
        purposes=purposes_of(agent, situation.inputs),
        goal=situation.goal,
        counts=situation.counts,
        labels=situation.labels.model_dump(),
        sums=_sums(made, situation.sums),
    )


def _sums(made: Outfit, said: Mapping[str, int | float]) -> dict[str, Json]:
    """What each sum that a rule asks about comes to, of the kind of number that its argument is."""
    asked = {one.name: one for one in made.rules.sums}
    given = {named(text).name: value for text, value in said.items()}
    for name in given.keys() - asked.keys():
        near = difflib.get_close_matches(name, asked, n=1, cutoff=0.5)
        hint = (
            f"; did you mean {near[0]}?" if near else f"; they ask about {', '.join(asked)}" if asked else ""
        )
        raise SpecError(f"no rule asks about {name}{hint}")
    found = {name: given.get(name, nothing(one)) for name, one in asked.items()}
    return {
        name: float(value) if isinstance(nothing(asked[name]), float) else value
        for name, value in found.items()
    }


def ungiven(made: Outfit, name: str, situation: Situation) -> list[str]:
    """The records that rules for the tool ask about, and that the situation does not have."""
    tool = made.tools.get(name)
    asked = [one for one in tool.records if made.rules.asks_about(name, one)] if tool else []
    return [one for one in asked if one not in situation.records]
