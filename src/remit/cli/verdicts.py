"""What `remit policy` prints of a verdict that is explained, and of verdicts that would have been others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from remit.cli.common import console, listing
from remit.cli.timeline import colour
from remit.gate.explain import LOST, Explained, Look, named, state
from remit.past import UNKNOWN, Again, Anew, Differing, in_groups, outcome
from remit.said import brief

Json = Any
SHOWN = 8  # calls of a group on a screen; --json has all
DECISIONS = ("allow", "ask", "deny", UNKNOWN)


def as_data(found: Explained) -> dict[str, object]:
    return {
        "decision": found.verdict.decision,
        "rule": found.verdict.rule,
        "reasons": found.verdict.reasons,
        "evidence": dict(found.verdict.evidence),
        "provenance": dict(found.verdict.provenance),
        "rules": [_look(look) for look in found.looks],
        "allowed_if": found.ways,
    }


def _look(look: Look) -> dict[str, object]:
    return {
        "number": look.number,
        "workspace": look.workspace,
        "rule": look.rule.name,
        "decision": look.rule.decision,
        "condition": look.rule.condition,
        "because": look.rule.because,
        "state": state(look.holds),
        "why": look.holds if isinstance(look.holds, str) else "",
        "parts": [{"text": p.text, "state": state(p.holds), "values": p.values} for p in look.parts],
        "not_in_journal": sorted(look.lost),
    }


def show(
    call: str,
    found: Explained,
    values: Mapping[str, Json],
    notes: Mapping[str, str],
    places: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """The verdict as a tree: what decided, the rules in the order in which they were looked at, evidence, ways. `places`:
    where rules of the workspace stand, by their names."""
    verdict = found.verdict
    root = Tree(Text.assemble((call, "bold"), " → ", (verdict.decision, colour(verdict.decision))))
    root.add(Text(f"decided by: {verdict.rule}"))
    for reason in verdict.reasons:
        root.add(Text(f"because: {reason}"))
    for name, text in notes.items():
        if text:
            root.add(Text(f"{name}: {text}"))
    if found.looks:
        rules = root.add("rules, as they were looked at")
        for look in found.looks:
            _add(rules, look, places.get(look.rule.name, "") if look.workspace else "")
    if verdict.evidence:
        sinks = root.add("what vouches for its values")
        for argument, level in verdict.evidence.items():
            value = values.get(argument, {})
            what = brief(value.get("value"))
            seen = f"; seen in {', '.join(value['from'])}" if value.get("from") else ""
            told = verdict.provenance.get(argument, what)
            if not told.startswith(what):  # which part of it nothing vouches for
                seen += f" ({told})"
            sinks.add(Text(f"{argument} = {what}: {level}{seen}"))
    if found.ways:
        ways = root.add("what would make it allowed")
        for way in found.ways:
            ways.add(Text(way))
    console.print(root)


def _add(rules: Tree, look: Look, place: str = "") -> None:
    name = f"{look.number}." if look.number else "workspace:" if look.workspace else "inherited:"
    rule = " ".join(look.rule.name.split())
    stands = _lost(look) if look.lost and isinstance(look.holds, bool) else state(look.holds)
    style = (
        {True: "green", False: "dim"}.get(look.holds, "yellow") if isinstance(look.holds, bool) else "yellow"
    )
    one = rules.add(Text.assemble(f"{name} {rule}: ", (stands, style)))
    if place:
        one.add(Text(place, "dim"))
    if isinstance(look.holds, str):
        one.add(Text(look.holds, "yellow"))
    for part in look.parts:
        if len(look.parts) > 1 or part.values:
            mark = {True: "✓", False: "✗"}.get(part.holds, "?") if isinstance(part.holds, bool) else "?"
            known = ", ".join(f"{name} = {_json(value)}" for name, value in part.values.items())
            one.add(Text(f"{mark} {' '.join(part.text.split())}" + (f"   ({known})" if known else ""), "dim"))


def _json(value: Json) -> str:
    return brief(json.dumps(value, ensure_ascii=False, default=str))


def _lost(look: Look) -> str:
    stood = "held" if look.holds is True else "did not hold"
    return f"{stood}, as the verdict says; {LOST.format(names=named(look.lost))}"


def anew_as_data(found: Anew) -> dict[str, object]:
    counts: dict[str, dict[str, int]] = {}
    for (was, would), number in found.table.items():
        counts.setdefault(was, {})[would] = number
    return {
        "runs": found.runs,
        "calls": found.calls,
        "same": found.same,
        "replays_left_out": found.replays,
        "counts": counts,
        "changed": [{"run": run, **_again(one)} for run, one in found.changed],
        "unknown": [{"run": run, **_again(one)} for run, one in found.unknown],
    }


def _again(one: Again) -> dict[str, object]:
    past, verdict = one.past, one.verdict
    return {
        "call": past.call.call.id,
        "tool": past.call.call.tool,
        "args": past.args,
        "was": {"decision": past.decision, "rule": past.rule, "reasons": past.reasons},
        "outcome": past.call.acted.status if past.call.acted else "",
        "approved_by": past.call.approved_by,
        "would_be": verdict
        and {"decision": verdict.decision, "rule": verdict.rule, "reasons": verdict.reasons},
        "why_unknown": one.why,
    }


def show_anew(found: Anew, of: str) -> None:
    """How many calls were decided how and would be decided how, and those that differ, the largest group first."""
    of = of or "all agents"
    if not found.runs:
        console.print(f"No runs of {of} to judge again; --of names an agent whose runs are to be taken.")
        return
    console.print(_table(found))
    console.print()
    for group in in_groups(found):
        _group(group)
    words = f"{_so_many(found.calls, 'call')} of {_so_many(found.runs, 'run')} of {of}: {found.same} decided the same"
    words += f", {len(found.changed)} otherwise"
    console.print(words + (f", {len(found.unknown)} not to be told" if found.unknown else "") + ".")
    if found.replays:
        console.print(
            f"{_so_many(found.replays, 'replay')} left out, whose calls are those of other runs.", style="dim"
        )


def _table(found: Anew) -> Table:
    """Rows: as it was; columns: as it would be. What stays the same is on the diagonal, and dim."""
    columns = DECISIONS if found.unknown else DECISIONS[:-1]
    table = listing("was", *(f"→ {would}" for would in columns))
    for column in table.columns[1:]:
        column.justify = "right"
    for was in DECISIONS:
        numbers = [(would, found.table.get((was, would), 0)) for would in columns]
        if any(number for _, number in numbers):
            cells = [
                Text(str(n) if n else "·", "dim" if would == was or not n else "bold") for would, n in numbers
            ]
            table.add_row(Text(was, colour(was)), *cells)
    return table


def _group(one: Differing) -> None:
    console.print(
        Text.assemble(
            (one.tool, "bold"),
            "  ",
            (one.was, colour(one.was)),
            " → ",
            (one.would, "yellow" if one.would == UNKNOWN else colour(one.would)),
            f"  {_so_many(len(one.calls), 'call')}",
        )
    )
    console.print(Text(f"  was:      {'; or '.join(one.before)}", "dim"))
    console.print(Text(f"  would be: {one.now}", "dim"))
    for run, call in one.calls[:SHOWN]:
        made = call.past
        line = Text(f"  {str(run)[:8]} {made.call.call.id:<5} {outcome(call):<22} {brief(made.args, 200)}")
        line.truncate(console.width, overflow="ellipsis")
        console.print(line)
    if len(one.calls) > SHOWN:
        console.print(f"  … and {len(one.calls) - SHOWN} more: --json has all", style="dim")
    console.print()


def _so_many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
