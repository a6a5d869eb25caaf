"""The end of a run: reflect, check, and report what the journal bears out."""

from __future__ import annotations

from typing import Literal

import jsonschema

from remit.agents.check import claim_of, run_check
from remit.agents.live import Live
from remit.agents.report import effects, effects_text_of, mark_claims
from remit.journal.events import Acted, Asked, Checked, Finished, Json, Nudged
from remit.journal.state import CallState

ROUNDS = 2  # how often the model may mend what its checks found, before a person is asked; a small one once
REFLECT = """Before you finish, look back. The goal was:
{goal}

What was done, from the journal:
{effects}

Is anything missing, or wrong? If so, go on. If not, call finish again."""


async def conclude(live: Live, call: CallState | None, report: str = "") -> None:
    """End the run if its checks say so; otherwise the verdict goes back to the model, then to a person."""
    args = call.call.args if call else {}
    report = str(args.get("report", report))
    output: Json = args.get("output")
    if (
        live.spec.output is not None
        and args.get("outcome") != "cannot"
        and (wrong := misfit(output, live.spec.output))
    ):
        _close(live, call, f"not finished: the output does not fit its schema: {wrong}", "mend")
        return
    if _should_reflect(live):
        goal = live.state.started.goal if live.state.started else ""
        _close(live, call, "look back first")
        text = REFLECT.format(goal=goal, effects=effects_text_of(effects(live.state)))
        live.write(Nudged(level=0, reason="reflect", text=text))
        return
    if args.get("outcome") == "cannot" and not live.state.effects:
        refused = any(c.acted and c.acted.status in ("denied", "rejected") for c in live.state.calls.values())
        _close(live, call, "ended")
        live.write(
            Finished(status="refused" if refused else "not met", report=mark_claims(report, live.state))
        )
        return
    verdicts = await _check(live, report, output)
    if any(v.verdict == "not met" for v in verdicts):
        _not_met(live, call, verdicts)
        return
    verdict = "met" if verdicts and all(v.verdict == "met" for v in verdicts) else "cannot verify"
    why = "" if verdicts else "the agent has no done checks"
    why = why or "; ".join(f"{v.check}: {v.detail}" for v in verdicts if v.verdict == "cannot verify")
    _close(live, call, "ended")
    live.write(
        Finished(
            status="met" if verdict == "met" else "cannot verify",
            report=mark_claims(report, live.state),
            output=output,
            why=why,
        )
    )


def _should_reflect(live: Live) -> bool:
    acted = any(c.acted and c.call.tool not in ("plan", "finish") for c in live.state.calls.values())
    return live.spec.reflect and not live.model.small and not live.state.reflected and acted


async def _check(live: Live, report: str, output: Json) -> list[Checked]:
    await live.settled()
    claim = claim_of(live.spec, live.state, report, output, live.context("check"))
    verdicts = []
    for check in live.spec.checks:
        checked, answered = await run_check(check, claim, live.model)
        if answered is not None:
            live.write(answered)
        verdicts.append(checked)
    if verdicts:
        live.write(*verdicts)
    return verdicts


def _not_met(live: Live, call: CallState | None, verdicts: list[Checked]) -> None:
    detail = "; ".join(f"{v.check}: {v.detail}" for v in verdicts if v.verdict == "not met")
    _close(live, call, f"not finished: {detail}")
    rounds = sum(c.verdict == "not met" for c in live.state.checks) / max(1, len(live.spec.checks))
    if rounds > (1 if live.model.small else ROUNDS):
        number = sum(ask_id.startswith("check") for ask_id in live.state.asked) + 1
        text = f"The goal is not met: {detail}. Answer with what to do, or reject to end the run as not met."
        live.write(Asked(ask_id=f"check{number}", kind="question", text=text))


def misfit(output: Json, schema: Json) -> str:
    """What is wrong with an output, or nothing."""
    wrong = next(iter(jsonschema.Draft202012Validator(schema).iter_errors(output)), None)
    return f"{wrong.json_path}: {wrong.message}" if wrong else ""


def _close(live: Live, call: CallState | None, result: str, status: Literal["ok", "mend"] = "ok") -> None:
    if call is not None:
        live.write(
            Acted(
                call_id=call.call.id,
                tool="finish",
                effect="self",
                status=status,
                result=result,
                integrity="system",
            )
        )
