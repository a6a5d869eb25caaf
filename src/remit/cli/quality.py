"""`remit decisions quality`: what the decisions of a playbook bring, beside people held out and beside other versions."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from remit.cli.common import Json, console, escape, listing, perform, print_json
from remit.cli.here import open_here
from remit.cli.next import decisions
from remit.cli.playbooks import Number, Playbook
from remit.decisions.kept import standing_of, version_of
from remit.decisions.offpolicy import Estimate
from remit.decisions.quality import Quality, quality_of


@decisions.command("quality", short_help="What the decisions of a playbook bring, and whether it pays.")
def quality_(name: Playbook, number: Number = None, as_json: Json = False) -> None:
    """Value a decision beside people held out, what it explores, guardrails, drift, and what each version that stands would have brought on the
    same decisions, by IPS, SNIPS and DR. With 95 % intervals.

    Examples:

    remit decisions quality winback

    remit decisions quality winback --version 3 --json
    """
    perform(_quality(name, number, as_json))


async def _quality(name: str, number: int | None, as_json: bool) -> None:
    async with open_here() as app:
        stands = await standing_of(app.store, name)
        first = next((stands[stage] for stage in ("live", "ramp", "shadow") if stage in stands), None)
        one = await version_of(app.store, name, number) if number or first is None else first
        others = [other for other in stands.values() if other.version != one.version]
        found = await quality_of(app.store, one, others)
    print_json(as_data(found)) if as_json else show(found)


def as_data(found: Quality) -> dict[str, Any]:
    """As JSON has it: what is not known is null."""
    return {name: _finite(value) for name, value in asdict(found).items()}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def show(found: Quality) -> None:
    console.print(
        f"[bold]{found.playbook} {found.version}[/] ({found.stage}): {found.shadowed} decided in shadow, {found.done} done, of {found.closed} it is known "
        "what came of them"
    )
    for said, value in (
        ("a decision", found.value),
        ("held out", found.holdout),
        ("more than held out", found.more),
    ):
        console.print(f"  {said:<20} {_interval(value)}")
    shares = ", ".join(f"{name} {share:.0%}" for name, share in found.shares.items())
    if found.explored is not None and found.rarest is not None:
        console.print(
            f"  chosen: {escape(shares)}; tried against what was expected: {found.explored:.1%}; least propensity {found.rarest:.3g}"
        )
    learned = found.learned
    drift = (
        f"began anew {learned.alarms} times, last {learned.alarmed_at:%Y-%m-%d %H:%M}"
        if learned.alarmed_at
        else "no change of the world noticed"
    )
    console.print(
        f"  learned from {learned.told}; chooses by person {learned.trust:.0%} of the time; {drift}"
    )
    for rail in found.rails:
        console.print(f"  {rail.name}: {rail.times} of {rail.of}, at most {rail.most:.2%}")
    for why in found.broken:
        console.print(f"  [red]broken[/]: {escape(why)}")
    table = listing("version", "stage", "DR", "SNIPS", "IPS", "effective rows", whole=("version",))
    for one in found.candidates:
        worth = one.worth
        cells = ("–", "–", "–", f"{one.rows} rows are too few") if worth is None else (
            _interval(worth.dr), _interval(worth.snips), _interval(worth.ips), f"{worth.effective:.0f} of {one.rows}"
        )  # fmt: skip
        table.add_row(str(one.version), one.stage, *cells)
    console.print(table)


def _interval(found: Estimate | None) -> str:
    if found is None or not math.isfinite(found.value):
        return "not known yet"
    return f"{found.value:.4g} ({found.low:.4g} to {found.high:.4g})"
