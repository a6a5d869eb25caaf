"""Why the gate says what it says of one call: each rule that it looked at and why that did not hold, the evidence, and
what would make a denial an allowance. Pure: `judge` itself is watched, so that nothing is told that it does not do."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from remit.errors import SpecError
from remit.gate.condition import constant, paths
from remit.gate.judge import GRANT, judge
from remit.gate.leaving import RULE
from remit.gate.proposal import Facts, Proposal, Verdict
from remit.gate.remembered import Remembered
from remit.gate.rules import Compiled, Rule, Rules, compile_rules
from remit.gate.sums import SUMS

Json = Any
LOST = "what {names} was then is not in the journal"
_OPEN, _CLOSE = "([{", ")]}"


@dataclass(frozen=True, slots=True)
class Part:
    """One of the parts of a condition that must all hold, with the values that it asks about."""

    text: str
    holds: bool | str  # a str says why it could not be decided
    values: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Look:
    """One rule, looked at for one call."""

    number: (
        int  # among the agent's own, from 1; 0: inherited from the agent that delegated, or of the workspace
    )
    rule: Rule
    holds: bool | str
    parts: tuple[Part, ...]
    asks: frozenset[str]  # the variables in its condition
    lost: frozenset[str]  # those of them that are not known any more
    workspace: bool = False  # it holds for every agent

    @property
    def name(self) -> str:
        """As the agent's file, or the workspace's, has it."""
        if self.workspace:
            return f"the workspace's rule ({self.rule.name})"
        return f"rule {self.number}" if self.number else f"an inherited rule ({self.rule.name})"


@dataclass(frozen=True, slots=True)
class Explained:
    verdict: Verdict
    looks: tuple[Look, ...]  # the agent's in their order, where the last decides; then the workspace's
    ways: tuple[str, ...] = ()  # what would make it allowed


@dataclass(frozen=True, slots=True)
class _Watched(Compiled):
    """A rule that remembers what it was asked."""

    number: int = 0
    workspace: bool = False
    seen: list[tuple[_Watched, bool | str, Mapping[str, Json]]] = field(default_factory=list)
    assumed: bool | str | None = None  # how it stood, where what it asks about is not known any more

    def holds(self, facts: Mapping[str, Json]) -> bool | str:
        held = Compiled.holds(self, facts) if self.assumed is None else self.assumed
        self.seen.append((self, held, facts))
        return held


def explain(
    proposal: Proposal,
    facts: Facts,
    rules: Rules,
    inherited: int = 0,
    lost: frozenset[str] = frozenset(),
    stood: Mapping[str, bool] = MappingProxyType({}),
    remembered: Sequence[Remembered] = (),
) -> Explained:
    """Judge the call, and tell how. The first `inherited` rules are not the agent's own. `lost`: the variables that are
    not known any more; rules that ask about them are taken to have stood as `stood` says, by their names, and cannot be
    decided where it does not. `remembered`: what people had said yes to for good."""
    verdict, looks = watch(proposal, facts, rules, inherited, lost, stood, remembered)
    ways = (
        ()
        if verdict.decision == "allow"
        else tuple(dict.fromkeys(_ways(proposal, facts, rules, verdict, looks)))
    )
    return Explained(verdict, looks, ways)


def watch(
    proposal: Proposal,
    facts: Facts,
    rules: Rules,
    inherited: int = 0,
    lost: frozenset[str] = frozenset(),
    stood: Mapping[str, bool] = MappingProxyType({}),
    remembered: Sequence[Remembered] = (),
) -> tuple[Verdict, tuple[Look, ...]]:
    """The verdict, and each rule that it took."""
    seen: list[tuple[_Watched, bool | str, Mapping[str, Json]]] = []

    def watched(number: int, one: Compiled, workspace: bool = False) -> _Watched:
        assumed = (
            stood.get(one.rule.name, LOST.format(names=named(one.asks & lost))) if one.asks & lost else None
        )
        own = max(0, number - inherited)
        return _Watched(
            one.rule,
            one.program,
            one.tree,
            one.asks,
            one.sums,
            number=own,
            workspace=workspace,
            seen=seen,
            assumed=assumed,
        )

    compiled = tuple(watched(number, one) for number, one in enumerate(rules.compiled, 1))
    narrowing = tuple(watched(0, one, workspace=True) for one in rules.workspace)
    verdict = judge(proposal, facts, rules.with_compiled(compiled, narrowing), remembered)
    looks = [
        Look(
            one.number,
            one.rule,
            held,
            _parts(one, known, rules) if one.assumed is None else (),
            one.asks,
            one.asks & lost,
            one.workspace,
        )
        for one, held, known in seen
    ]
    return verdict, tuple(looks)


def named(lost: frozenset[str]) -> str:
    """What is not known any more: records by their names; evidence came from one of them."""
    return ", ".join(sorted(lost - {"evidence"})) or "the evidence"


def _parts(one: Compiled, known: Mapping[str, Json], rules: Rules) -> tuple[Part, ...]:
    if one.tree is not None and constant(one.tree) is not None:
        return ()
    texts = split(one.rule.condition)
    try:
        compiled = compile_rules(
            [replace(one.rule, condition=text) for text in texts], rules.records
        ).compiled
    except SpecError:  # not conditions of their own: the whole is one part
        texts, compiled = [one.rule.condition], (one,)
    return tuple(
        Part(text, Compiled.holds(part, known), values(part, known))
        for text, part in zip(texts, compiled, strict=True)
    )


def values(compiled: Compiled, known: Mapping[str, Json]) -> dict[str, Json]:
    """What a condition asks about, and what that is; what is not there is left out."""
    found: dict[str, Json] = {}
    for path, _ in paths(compiled.tree) if compiled.tree is not None else ():
        value: Json = known
        for step in path:
            if not isinstance(value, Mapping) or step not in value:
                break
            value = value[step]
        else:
            if len(path) > 1:
                found[path[1] if path[0] == SUMS else ".".join(path)] = value
    return found


def split(condition: str) -> list[str]:
    """The parts that `&&` joins at the top of a condition; the whole where something else is at the top."""
    marks = list(_marks(condition))
    if any(text[:1] in ("|", "?") for _, text in marks):
        return [condition.strip()]
    cuts = [at for at, text in marks if text == "&&"]
    starts, ends = [0, *(at + 2 for at in cuts)], [*cuts, len(condition)]
    return [condition[a:b].strip() for a, b in zip(starts, ends, strict=True)]


def _marks(text: str) -> Iterator[tuple[int, str]]:
    """Where `&&`, `||` and `?` stand outside of strings and brackets."""
    at = depth = 0
    while at < len(text):
        if text[at] in "\"'":
            at = _string_end(text, at)
            continue
        depth += (text[at] in _OPEN) - (text[at] in _CLOSE)
        if depth == 0 and (text[at : at + 2] in ("&&", "||") or text[at] == "?"):
            yield at, text[at : at + 2] if text[at] != "?" else "?"
            at += 1
        at += 1


def _string_end(text: str, at: int) -> int:
    """The place after the string that begins at `at`; a raw one (r"…") knows no escapes."""
    quote = text[at] * 3 if text[at : at + 3] == text[at] * 3 else text[at]
    raw = "r" in text[max(0, at - 2) : at].lower() and text[at - 1] in "rRbB"
    at += len(quote)
    while at < len(text) and not text.startswith(quote, at):
        at += 2 if text[at] == "\\" and not raw else 1
    return at + len(quote)


def _ways(
    proposal: Proposal, facts: Facts, rules: Rules, verdict: Verdict, looks: tuple[Look, ...]
) -> Iterator[str]:
    """What would make it allowed: what must not hold any more, and which allow would then have to hold."""
    if proposal.tool not in facts.tools:
        yield f"list {proposal.tool} in the agent's `tools`"
        return
    own = tuple(look for look in looks if not look.workspace)
    last = own[-1] if own else None
    stops = [look for look in looks if look.workspace and look.holds is not False]
    if facts.autonomy == "draft" and proposal.effect in ("egress", "destroy"):
        yield "an agent that only drafts changes nothing: raise `remit.autonomy` to ask or act"
        yield from (f"{look.name} must not hold{_still(look)}" for look in stops)
        return
    if verdict.rule == GRANT:
        named = "nobody has named" in verdict.reasons[0]
        yield (
            "an address that the goal, a record or something read names"
            if named
            else (f"a person's `remit widen RUN {proposal.tool}`, or a goal that asks for it")
        )
        return
    if last is not None and last.rule.decision != "allow" and last.holds is not False:
        stops.append(last)
    else:
        last = None
    for look in stops:
        yield f"{look.name} must not hold{_still(look)}"
    after = _without(proposal, facts, rules, own if last else ()) if stops else verdict
    if stops and after.decision == "allow":
        yield f"without that, it is allowed by: {after.rule}"
    elif RULE in (verdict.rule, after.rule):
        yield "the rules allow it; what it gives away would have to go to those who may have it, or stay out of it"
    elif after.rule == "autonomy ask":
        yield "the rules allow it; at `remit.autonomy: act` nobody would be asked"
    elif last is None:
        allows = [look for look in own if look.rule.decision == "allow"]
        for look in allows:
            yield f"{look.name} would allow it{_if(look)}"
        if not allows:
            yield f"no rule allows {proposal.tool}: write one that does, as `{{tool: {proposal.tool}, allow: …}}`"
    if verdict.decision == "ask":
        yield "a person's yes to this very call"


def _without(proposal: Proposal, facts: Facts, rules: Rules, looks: tuple[Look, ...]) -> Verdict:
    """The verdict without the workspace's rules, and without the agent's up to the one that decided."""
    kept = [i for i, one in enumerate(rules.compiled) if any(one.rule is look.rule for look in looks)]
    rest = rules.compiled[max(kept, default=-1) + 1 :]
    return judge(proposal, facts, rules.with_compiled(rest, ()))


def _still(look: Look) -> str:
    doubt = f", and it cannot be decided: {look.holds}" if look.holds is not True else ""
    return f"{doubt}{_with([part for part in look.parts if part.values])}"


def _if(look: Look) -> str:
    missing = [part for part in look.parts if part.holds is not True]
    if not missing:
        return ""
    texts = " and ".join(f"`{part.text}`" for part in missing)
    return f" if {texts} held{_with(missing)}"


def _with(parts: list[Part]) -> str:
    found = {name: value for part in parts for name, value in part.values.items()}
    return (
        f"; now {', '.join(f'{name} is {_short(value)}' for name, value in found.items())}" if found else ""
    )


def _short(value: Json, most: int = 80) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= most else text[: most - 1] + "…"


State = Literal["holds", "does not hold", "could not be decided"]


def state(holds: bool | str) -> State:
    """How a condition stands, in words."""
    return "holds" if holds is True else "does not hold" if holds is False else "could not be decided"
