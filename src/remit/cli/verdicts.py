"""What `remit policy` prints of a verdict that is explained, and of verdicts that would have been others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.text import Text
from rich.tree import Tree

from remit.cli.common import console
from remit.cli.timeline import brief, colour
from remit.gate.explain import Explained, Look, state
from remit.past import LOST, Again, Anew

Json = Any
SHOWN = 40  # differences on a screen; --json has all


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
        "rule": look.rule.name,
        "decision": look.rule.decision,
        "condition": look.rule.condition,
        "because": look.rule.because,
        "state": state(look.holds),
        "why": look.holds if isinstance(look.holds, str) else "",
        "parts": [{"text": p.text, "state": state(p.holds), "values": p.values} for p in look.parts],
        "not_in_journal": sorted(look.lost),
    }


def show(call: str, found: Explained, values: Mapping[str, Json], notes: Mapping[str, str]) -> None:
    """The verdict as a tree: what decided, the rules in the order in which they were looked at, evidence, ways."""
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
            _add(rules, look)
    if verdict.evidence:
        sinks = root.add("what vouches for its values")
        for argument, level in verdict.evidence.items():
            value = values.get(argument, {})
            seen = f"; seen in {', '.join(value['from'])}" if value.get("from") else ""
            what = brief(value.get("value"))
            told = verdict.provenance.get(argument, what)  # which part of it nothing vouches for
            sinks.add(Text(f"{argument} = {what}: {level}{seen}" + (f" ({told})" if told != what else "")))
    if found.ways:
        ways = root.add("what would make it allowed")
        for way in found.ways:
            ways.add(Text(way))
    console.print(root)


def _add(rules: Tree, look: Look) -> None:
    name = f"{look.number}." if look.number else "inherited:"
    stands = state(look.holds) if not look.lost else _lost(look)
    style = (
        {True: "green", False: "dim"}.get(look.holds, "yellow") if isinstance(look.holds, bool) else "yellow"
    )
    one = rules.add(Text.assemble(f"{name} {look.rule.name}: ", (stands, style)))
    if isinstance(look.holds, str):
        one.add(Text(look.holds, "yellow"))
    for part in look.parts:
        if len(look.parts) > 1 or part.values:
            mark = {True: "✓", False: "✗"}.get(part.holds, "?") if isinstance(part.holds, bool) else "?"
            known = ", ".join(f"{name} = {_json(value)}" for name, value in part.values.items())
            one.add(Text(f"{mark} {part.text}" + (f"   ({known})" if known else ""), "dim"))


def _json(value: Json) -> str:
    return brief(json.dumps(value, ensure_ascii=False, default=str))


def _lost(look: Look) -> str:
    names = ", ".join(sorted(look.lost - {"evidence"})) or "what vouched for it"
    stood = "held" if look.holds is True else "did not hold"
    return f"{stood}, as the verdict says; {LOST.format(names=names)}"


def anew_as_data(found: Anew) -> dict[str, object]:
    return {
        "runs": found.runs,
        "calls": found.calls,
        "same": found.same,
        "replays_left_out": found.replays,
        "counts": found.counts,
        "changed": [{"run": run, **_again(one)} for run, one in found.changed],
        "unknown": [{"run": run, **_again(one)} for run, one in found.unknown],
    }


def _again(one: Again) -> dict[str, object]:
    past, verdict = one.past, one.verdict
    return {
        "call": past.call.call.id,
        "tool": past.call.call.tool,
        "args": past.call.call.args,
        "was": {"decision": past.decision, "rule": past.rule, "reasons": past.reasons},
        "outcome": past.call.acted.status if past.call.acted else "",
        "approved_by": past.call.approved.by if past.call.approved else "",
        "would_be": verdict
        and {"decision": verdict.decision, "rule": verdict.rule, "reasons": verdict.reasons},
        "why_unknown": one.why,
    }


def show_anew(found: Anew, of: str) -> None:
    for title, several in (("decided otherwise", found.changed), ("not to be told", found.unknown)):
        if several:
            console.print(Text(title, "bold"))
        for run, one in several[:SHOWN]:
            _line(str(run)[:8], one)
        if len(several) > SHOWN:
            console.print(f"  … and {len(several) - SHOWN} more: --json has all", style="dim")
    if found.changed or found.unknown:
        console.print()
    if not found.runs:
        console.print(f"No runs of {of} to judge again; --of names an agent whose runs are to be taken.")
        return
    words = f"{found.calls} calls of {found.runs} runs: {found.same} the same, {len(found.changed)} otherwise"
    console.print(words + (f", {len(found.unknown)} not to be told" if found.unknown else "") + ".")
    for change, number in found.counts.items():
        console.print(f"  {number:>5}  {change}")
    if found.replays:
        console.print(
            f"{found.replays} replays are left out: their calls are those of other runs.", style="dim"
        )


def _line(run: str, one: Again) -> None:
    past, verdict = one.past, one.verdict
    would = verdict.decision if verdict else "?"
    outcome = (
        f" ({'approved, ' if past.call.approved else ''}{past.call.acted.status})" if past.call.acted else ""
    )
    head = Text.assemble(
        f"  {run} {past.call.call.id:<6} ",
        (past.decision, colour(past.decision)),
        outcome,
        " → ",
        (would, colour(would) if verdict else "yellow"),
        f"  {past.call.call.tool} {brief(past.call.call.args, 100)}",
    )
    head.no_wrap, head.overflow = True, "ellipsis"
    console.print(head)
    why = one.why or (verdict and ("; ".join(verdict.reasons) or verdict.rule)) or ""
    console.print(Text(f"                  {why}", "dim"))
