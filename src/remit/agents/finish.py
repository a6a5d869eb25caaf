"""The end of a run: reflect, check, and report what the journal bears out."""

from __future__ import annotations

from typing import Literal

import jsonschema

from remit.agents.check import claim_of, run_check
from remit.agents.live import Live
from remit.agents.report import effects_text, mark_claims
from remit.journal.events import Acted, AnyBody, Asked, Checked, Finished, Json, Nudged
from remit.journal.state import CallState, Status

ROUNDS = 2  # how often the model may mend what its checks found, before a person is asked; a small one once
REFLECT = """Before you finish, look back. The goal was:
{goal}

What was done, from the journal:
{effects}

Is anything missing, or wrong? If so, go on. If not, call finish again."""


async def conclude(live: Live, call: CallState | None, report: str = "") -> None:
    """End the run if its checks say so; otherwise the verdict goes back to the model, then to a person. What becomes of
    the finish call and what follows from it are one append: no crash comes between them."""
    args = call.call.args if call else {}
    report = str(args.get("report", report))
    output: Json = args.get("output")
    given_up = args.get("outcome") == "cannot"
    if live.spec.output is not None and not given_up and (wrong := misfit(output, live.spec.output)):
        live.write(*_closed(call, f"not finished: the output does not fit its schema: {wrong}", "mend"))
    elif _should_reflect(live):
        goal = live.state.started.goal if live.state.started else ""
        text = REFLECT.format(goal=goal, effects=effects_text(live.spec, live.state))
        live.write(*_closed(call, "look back first"), Nudged(level=0, reason="reflect", text=text))
    elif given_up and not live.state.effects:
        refused = any(c.acted and c.acted.status in ("denied", "rejected") for c in live.state.calls.values())
        status: Status = "refused" if refused else "not met"
        why = f"the agent gave up{', after something was refused to it' if refused else ''}"
        finished = Finished(status=status, why=why, report=mark_claims(report, live.state))
        live.write(*_closed(call, "ended"), finished)
    else:
        verdicts = await _check(live, report, output)
        live.write(*_follows(live, call, verdicts, report, output))


def _follows(
    live: Live, call: CallState | None, verdicts: list[Checked], report: str, output: Json
) -> list[AnyBody]:
    """What the verdicts of the done checks lead to: the end, another round, or a person. The model reads the outcome of
    its call first, then what each check says."""
    if any(v.verdict == "not met" for v in verdicts):
        detail = "; ".join(f"{v.check}: {v.detail}" for v in verdicts if v.verdict == "not met")
        found = sum(c.verdict == "not met" for c in (*live.state.checks, *verdicts))
        rounds = found / len(live.spec.checks)
        asked = _ask(live, detail) if rounds > (1 if live.model.small else ROUNDS) else []
        return [*_closed(call, "not finished"), *verdicts, *asked]
    met = bool(verdicts) and all(v.verdict == "met" for v in verdicts)
    why = "" if verdicts else "the agent has no done checks"
    why = why or "; ".join(f"{v.check}: {v.detail}" for v in verdicts if v.verdict == "cannot verify")
    finished = Finished(
        status="met" if met else "cannot verify",
        report=mark_claims(report, live.state),
        output=output,
        why=why,
    )
    return [*_closed(call, "ended"), *verdicts, finished]


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
    return verdicts


def _ask(live: Live, detail: str) -> list[AnyBody]:
    number = sum(ask_id.startswith("check") for ask_id in live.state.asked) + 1
    text = f"The goal is not met: {detail}. Answer with what to do, or reject to end the run as not met."
    return [Asked(ask_id=f"check{number}", kind="question", text=text)]


def misfit(output: Json, schema: Json) -> str:
    """What is wrong with an output, or nothing."""
    wrong = next(iter(jsonschema.Draft202012Validator(schema).iter_errors(output)), None)
    return f"{wrong.json_path}: {wrong.message}" if wrong else ""


def _closed(call: CallState | None, result: str, status: Literal["ok", "mend"] = "ok") -> list[AnyBody]:
    """The outcome of the finish call, where the model called it."""
    if call is None:
        return []
    return [
        Acted(
            call_id=call.call.id,
            tool="finish",
            effect="self",
            status=status,
            result=result,
            integrity="system",
        )
    ]
