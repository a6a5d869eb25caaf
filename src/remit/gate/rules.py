"""Rules: CEL conditions over facts, compiled and type-checked once when a spec is loaded. Pure.

Variables in a condition: `args`, `person`, `inputs`, `run` (untrusted, goal, counts), `evidence` (argument ->
what vouches for it), `labels` (of what was read, and of what stands in each argument), and each record by its name
(`order`, …). Functions beside CEL's own: `sum` and `count` of effects in a time, and `amount` of money in words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Literal

from cel_expr_python import cel

from remit.errors import SpecError
from remit.gate.chain import Chain, asked
from remit.gate.condition import ITEM, Node, names, paths, tree
from remit.gate.proposal import Terms
from remit.gate.sums import SUMS, WHY, amount, as_written, find, resolve
from remit.journal.rolling import Sum

Json = Any
KNOWN = 1_000  # tools whose rules are remembered
ABSENT = re.compile(r"^Key not found in map : ([\"'])(.*)\1$", re.DOTALL)
BUILT_IN = ("args", "person", "inputs", "run", "evidence", "labels")
AMOUNT = cel.FunctionDecl(
    "amount",
    [
        cel.Overload(f"amount_{name}", cel.Type.DYN, [kind], False, amount)
        for name, kind in (("string", cel.Type.STRING), ("double", cel.Type.DOUBLE), ("int", cel.Type.INT))
    ],
)


@dataclass(frozen=True, slots=True)
class Rule:
    """For tools matching one of `tools`: `decision` where `condition` holds."""

    tools: tuple[str, ...]
    decision: Literal["allow", "ask", "deny"]
    condition: str
    because: str = ""
    terms: Terms | None = None  # of an ask: who must say yes
    written: str = ""  # the condition as somebody wrote it, where it cannot be asked here and holds always
    name: str = field(init=False, compare=False, repr=False)  # each verdict has it

    def __post_init__(self) -> None:
        name = f"{self.decision} {', '.join(self.tools)} if {self.written or self.condition}"
        object.__setattr__(self, "name", name)

    @property
    def missed(self) -> str:
        """What an allow says where it does not hold: its words are for that, else its condition is."""
        return f"not allowed: {self.because or f'`{self.condition}` does not hold'}"


@dataclass(frozen=True, slots=True)
class Compiled:
    rule: Rule
    program: Any  # a cel Expression
    tree: Node | None = None
    asks: frozenset[str] = frozenset()  # the variables in its condition, and the sums by their names
    sums: tuple[Sum, ...] = ()
    condition: str = ""  # as it was compiled: the rule's, with each sum by its name
    above: int = 0  # 1: of the agent that delegated, 2: of who delegated to that one, …

    def holds(self, facts: Mapping[str, Json]) -> bool | str:
        """True or False; a str says why it could not be decided (which field is not there, wrong types)."""
        try:
            result = self.program.eval(data=facts)
            value = result.plain_value()
        except (RuntimeError, ValueError, TypeError) as error:
            return str(error).splitlines()[0]
        if isinstance(value, bool):
            return value
        if result.type() == cel.Type.ERROR:  # as `NOT_FOUND: Key not found in map : "owner"`
            return _undecided(str(value).partition(": ")[2] or str(value), self.tree, facts)
        return f"the condition is not a yes or no: {value!r}"


@dataclass(frozen=True, slots=True)
class Rules:
    """Compiled rules in order, found by tool."""

    compiled: tuple[Compiled, ...] = ()
    records: tuple[str, ...] = ()
    sums: tuple[Sum, ...] = ()  # that any of them asks about
    workspace: tuple[Compiled, ...] = ()  # asks and denies that hold for every agent, whatever their order
    env: Any = field(default=None, compare=False, repr=False)  # that they were compiled in
    _found: dict[str, tuple[Compiled, ...]] = field(default_factory=dict, compare=False, repr=False)
    _chains: dict[str, Chain] = field(default_factory=dict, compare=False, repr=False)
    _asked: dict[str, frozenset[str] | None] = field(default_factory=dict, compare=False, repr=False)
    _narrowing: dict[str, tuple[Compiled, ...]] = field(default_factory=dict, compare=False, repr=False)
    _all: dict[str, tuple[Compiled, ...]] = field(default_factory=dict, compare=False, repr=False)
    _missed: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)

    def asks_about(self, tool: str, record: str) -> bool:
        """Whether a rule for the tool may depend on that record: evidence may come from any."""
        return any(record in c.asks or "evidence" in c.asks for c in self.all_for(tool))

    def without_terms(self) -> Rules:
        """The same, where whoever is asked may answer alone."""

        def opened(several: Iterable[Compiled]) -> tuple[Compiled, ...]:
            return tuple(replace(c, rule=replace(c.rule, terms=None)) for c in several)

        return self.with_compiled(opened(self.compiled), opened(self.workspace))

    def with_compiled(self, compiled: tuple[Compiled, ...], workspace: tuple[Compiled, ...]) -> Rules:
        """These rules in place of its own, about the same records and sums. Each is asked in its turn."""
        return replace(
            self,
            compiled=compiled,
            workspace=workspace,
            env=None,
            _found={},
            _all={},
            _chains={},
            _asked={},
            _narrowing={},
            _missed={},
        )

    def sums_of(self, tool: str) -> tuple[Sum, ...]:
        """What the rules for a tool ask about the past."""
        return tuple({one: None for c in self.all_for(tool) for one in c.sums}) if self.sums else ()

    def of_workspace(self, tool: str) -> tuple[Compiled, ...]:
        """The workspace's rules for a tool."""
        found = self._narrowing.get(tool)
        if found is None:
            found = tuple(c for c in self.workspace if any(fnmatchcase(tool, p) for p in c.rule.tools))
            if len(self._narrowing) < KNOWN:
                self._narrowing[tool] = found
        return found

    def all_for(self, tool: str) -> tuple[Compiled, ...]:
        """The workspace's rules for a tool, and the agent's."""
        found = self._all.get(tool)
        if found is None:
            found = (*self.of_workspace(tool), *self.for_tool(tool))
            if len(self._all) < KNOWN:
                self._all[tool] = found
        return found

    def sums_up(self, tool: str) -> bool:
        """Whether a rule, for whichever tool, asks about the effects of this one."""
        return any(one.tool == tool for one in self.sums)

    def for_tool(self, tool: str) -> tuple[Compiled, ...]:
        found = self._found.get(tool)
        if found is None:
            found = tuple(c for c in self.compiled if any(fnmatchcase(tool, p) for p in c.rule.tools))
            if len(self._found) < KNOWN:  # a model makes names up without end
                self._found[tool] = found
        return found

    def missed(self, tool: str) -> tuple[str, ...]:
        """What would have allowed a call of a tool of which no rule holds."""
        found = self._missed.get(tool)
        if found is None:
            found = tuple(c.rule.missed for c in self.for_tool(tool) if c.rule.decision == "allow")
            if len(self._missed) < KNOWN:
                self._missed[tool] = found
        return found

    def first(
        self, tool: str, seen: Mapping[str, Json], whole: Callable[[], Mapping[str, Json]] | None = None
    ) -> int | None:
        """The place among the tool's rules of the first whose condition holds, their number where none does; None where one
        before it could not be decided (`Chain.first`)."""
        chain = self._chains.get(tool)
        if chain is None:
            chain = Chain(self.for_tool(tool), self.env)
            if len(self._chains) < KNOWN:
                self._chains[tool] = chain
        return chain.first(seen, whole)

    def asked_of(self, tool: str) -> frozenset[str] | None:
        """What all the rules for a tool ask about (`chain.asked`)."""
        found = self._asked.get(tool, ...)
        if found is ...:
            found = asked(self.all_for(tool))
            if len(self._asked) < KNOWN:
                self._asked[tool] = found
        return found


def compile_rules(
    rules: Sequence[Rule],
    records: Iterable[str] = (),
    tools: Iterable[str] = (),
    workspace: Sequence[Rule] = (),
    above: Sequence[int] = (),
) -> Rules:
    """Compile and check. `above`: of how many generations above the agent the first rules are. `records`: names the tools offer; `tools`: the agent's, and where they are given with what they
    declare, the sums are checked against that. `workspace`: rules that narrow all of these, and may be of other tools.

    Raises SpecError for a condition that does not parse, names what does not exist, or is no yes-or-no, and
    for a rule that matches none of the agent's tools.
    """
    variables = (*BUILT_IN, *sorted(set(records) - set(BUILT_IN)))
    known = tuple(tools)
    env = cel.NewEnv(
        variables={name: cel.Type.Map(cel.Type.STRING, cel.Type.DYN) for name in (*variables, SUMS)},
        functions=[AMOUNT],
    )
    declared = tools if isinstance(tools, Mapping) else None
    narrowing = tuple(_compile(env, rule, variables, declared) for rule in workspace)
    narrowing = tuple(sorted(narrowing, key=lambda one: one.rule.decision != "deny"))  # a deny needs no other
    compiled = []
    for number, rule in enumerate(rules, 1):
        try:
            made = _compile(env, rule, variables, declared)
            compiled.append(replace(made, above=above[number - 1]) if number <= len(above) else made)
        except SpecError as error:
            raise SpecError(f"rule {number} ({rule.name}): {error}") from error
        if known and not any(fnmatchcase(tool, p) for tool in known for p in rule.tools):
            raise SpecError(
                f"rule {number} ({rule.name}): matches none of the agent's tools: {', '.join(known)}"
            )
    sums = tuple({one: None for c in (*narrowing, *compiled) for one in c.sums})
    return Rules(tuple(compiled), variables, sums, narrowing, env)


def _compile(env: Any, rule: Rule, variables: Sequence[str], tools: Mapping[str, Any] | None) -> Compiled:
    condition, found = find(rule.condition)
    try:
        program = env.compile(condition)
    except (RuntimeError, ValueError) as error:
        raise SpecError(as_written(_plain(str(error), variables), found)) from error
    if program.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
        raise SpecError("the condition must be a yes or no (a bool)")
    sums = tuple({resolve(one, tools): None for one in found.values()})
    node = tree(program.serialize())
    return Compiled(rule, program, node, names(node) - {SUMS} | {one.name for one in sums}, sums, condition)


def _undecided(error: str, node: Node | None, facts: Json) -> str:
    """CEL names only the last part of a field that is not there; here it is `order.owner`."""
    found = ABSENT.search(error)
    if not found:
        return error
    for path, _ in paths(node) if node is not None else ():
        there = _there(facts, path)
        if there < len(path) and path[there] == found[2]:
            if path[0] == SUMS:
                why = facts.get(WHY, {}).get(path[1])
                return f"{path[1]} is not known{f': {why}' if why else ''}"
            return f"there is no {'.'.join(path[: there + 1]).replace(f'.{ITEM}', ITEM)}"
    return f"there is no field {found[2]!r}"  # of something that a loop goes over


def _there(value: Json, path: Sequence[str]) -> int:
    """How many steps of a path there are; of a list, in that of its items which has the fewest."""
    if not path:
        return 0
    if path[0] == ITEM and isinstance(value, list):
        return 1 + min((_there(item, path[1:]) for item in value), default=0)
    return 1 + _there(value[path[0]], path[1:]) if isinstance(value, Mapping) and path[0] in value else 0


def _plain(message: str, known: Sequence[str]) -> str:
    if found := re.search(r"undeclared reference to '([^']+)'", message):
        return f"{found[1].split('.')[0]!r} does not exist; a condition may use {', '.join(known)}"
    return " ".join(message.split())
