"""`remit decisions evaluate`: what choosing by person would have brought, from a log of decisions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from remit.cli.common import Json, console, escape, group, listing, perform, print_json
from remit.cli.here import open_here
from remit.decisions.evaluate import Report, evaluate
from remit.decisions.kept import version_of
from remit.decisions.logged import LARGEST, Layout, read_logged
from remit.decisions.offpolicy import Estimate
from remit.decisions.quality import own_log
from remit.errors import UserError

decisions = group(
    help="""The next best action, and whether choosing it by person pays. Prints JSON with --json.

    Example:

    remit decisions evaluate campaign.csv --action sent --reward bought --propensity p
    """,
)


@decisions.command(
    "evaluate", short_help="What each policy would have brought, from a log of decisions, and a learned one."
)
def measured(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A CSV with a header: action, propensity, reward, and context in all other columns."
        ),
    ] = None,
    playbook: Annotated[
        str,
        typer.Option(
            "--playbook",
            help="In place of a file: what a playbook of the workspace decided, and what came of it.",
        ),
    ] = "",
    action: Annotated[str, typer.Option("--action", help="The column with what was done.")] = Layout.action,
    reward: Annotated[
        str, typer.Option("--reward", help="The column with what came of it: a number.")
    ] = Layout.reward,
    propensity: Annotated[
        str,
        typer.Option(
            "--propensity",
            help="The column with the probability that this action was chosen for this row. "
            "Where there is none, frequencies stand in.",
        ),
    ] = Layout.propensity,
    cost: Annotated[
        list[str] | None, typer.Option("--cost", help="What an action costs: ACTION=AMOUNT. Repeatable.")
    ] = None,
    worth: Annotated[
        float, typer.Option("--worth", help="What one unit of reward is worth, in the unit of the costs.")
    ] = 1.0,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", help="A column that is no context: ids, other outcomes. Repeatable."),
    ] = None,
    category: Annotated[
        list[str] | None, typer.Option("--category", help="A column whose numbers are names. Repeatable.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out rows that cannot be used.")] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="How the rows are parted.")] = 0,
    as_json: Json = False,
) -> None:
    """What the policy that logged the file brought, and what others would have: each single action, uniform chance, the best single
    action, and a policy that Remit learns, judged on rows that it has not learned from. With 95 % intervals, what is
    doubtful about the data, and a verdict: does choosing by person pay over doing the same for everybody?

    Examples:

    remit decisions evaluate campaign.csv --action sent --reward bought --propensity p --cost "mail=0.02"

    remit decisions evaluate hillstrom.csv --action segment --reward visit --ignore conversion --ignore spend --json

    remit decisions evaluate --playbook winback
    """
    named = dict(_cost(text) for text in cost or [])
    layout = Layout(
        action, reward, propensity, tuple(ignore or ()), tuple(category or ()), named, worth, skip_bad
    )
    report = perform(_evaluated(file, playbook, layout, seed))
    print_json(as_data(report)) if as_json else show(report)


async def _evaluated(file: Path | None, playbook: str, layout: Layout, seed: int) -> Report:
    if (file is None) == (not playbook):
        raise UserError("give a file, or the name of a playbook by --playbook")
    if file is None:
        async with open_here() as app:
            return evaluate(await own_log(app.store, await version_of(app.store, playbook)), seed)
    if not 0 < layout.worth <= LARGEST:
        raise UserError(f"--worth {layout.worth}: give a number above 0, and at most {LARGEST:g}")
    return evaluate(read_logged(file, layout), seed)


def _cost(text: str) -> tuple[str, float]:
    name, equals, amount = text.rpartition("=")
    try:
        value = float(amount)
    except ValueError:
        value = math.nan
    if not equals or not name.strip() or not abs(value) <= LARGEST:
        raise typer.BadParameter(f"{text!r} is not ACTION=AMOUNT, as mail=0.02")
    return name.strip(), value


def as_data(report: Report) -> dict[str, Any]:
    logged = report.logged
    return {
        "rows": len(logged),
        "actions": list(logged.actions),
        "costs": dict(zip(logged.actions, logged.costs.tolist(), strict=True)),
        "context": [{"name": one.name, "kind": one.kind, "missing": one.missing} for one in logged.columns],
        "policies": [
            {
                "policy": one.name,
                **{
                    name: _interval(getattr(one.worth, name)) for name in ("ips", "snips", "dr")
                },
                "effective_rows": round(one.worth.effective, 1),
                "shares": dict(zip(logged.actions, one.shares, strict=True)),
            }
            for one in report.policies
        ],
        "gain": _interval(report.gain),
        "pays": report.pays,
        "verdict": report.verdict,
        "warnings": list(report.warnings),
    }  # fmt: skip


def _interval(found: Estimate) -> dict[str, float | None]:
    named = {"value": found.value, "low": found.low, "high": found.high}
    return {name: value if math.isfinite(value) else None for name, value in named.items()}


def show(report: Report) -> None:
    logged = report.logged
    kinds = ", ".join(f"{one.name} ({one.kind}{_gaps(one.missing)})" for one in logged.columns) or "none"
    console.print(
        f"{len(logged)} decisions among {len(logged.actions)} actions. Context: {escape(kinds)}", style="dim"
    )
    table = listing("policy", "DR", "95 %", "SNIPS", "IPS", "effective rows", whole=("policy",))
    for one in report.policies:
        dr, worth = one.worth.dr, one.worth
        said = (
            one.name,
            _brief(dr.value),
            f"{_brief(dr.low)} to {_brief(dr.high)}",
            _brief(worth.snips.value),
        )
        table.add_row(*map(escape, said), _brief(worth.ips.value), f"{worth.effective:.0f}")
    console.print(table)
    console.print(f"\n[bold]{escape(report.verdict)}[/]")
    for warning in report.warnings:
        console.print(f"[yellow]![/] {escape(warning)}")


def _gaps(missing: int) -> str:
    return f", {missing} missing" if missing else ""


def _brief(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else "–"
