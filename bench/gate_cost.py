"""What the gate adds to the CPU of a step, and what of it: runs of 100 steps with the gate, and the same where whatever is proposed
happens, once its arguments fit: the gate is told nothing, no verdict is written down, nothing that is read is remembered for evidence,
and nobody asks who may be reached.

A step is one answer of the model and the call in it. In the first run each looks up a contact, as most steps do; in the others
two of four do, one reads a stranger's page and one sends a mail, whose address and text are sinks: in the second row the tool says that
it reaches nobody, in the third each mail passes the rules of contact and becomes a part of the reader's history. The fourth is
a mix that was counted, not made up (`MIX`). CPU is that of this process, which the database is not a
part of; the sides take turns, each adding one thing to the one before it, and the medians over the rounds are shown. Beside them stands how long a
verdict takes by the clock in these runs, where what it needs is in no cache (`bench.judge` asks about one call again and again).

The model is a script in this process, so that a step costs nothing but the loop and the gate. `--model http`: the same script is asked
as a provider's model is, over HTTP in a process of its own, so that a step is what it is in life: its history written out, an answer read. Such a step
takes tens of milliseconds: a few minutes for the second example, an hour for 100 steps of ten runs.

Examples: python -m bench.gate_cost · python -m bench.gate_cost --model http --at-once 2 --rounds 1 --steps 40 · python -m bench.gate_cost --rules 10 --json
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

from bench import figures
from bench.database import drop, fresh, running
from remit.agents.live import Live
from remit.agents.spec import Agent, Budget, RemitSpec, Rule
from remit.app import App, open_app
from remit.crew import tune_collector
from remit.gate.changed import judge_changed
from remit.gate.judge import looks_allowed
from remit.gate.proposal import Proposal, Verdict
from remit.journal.refs import arguments
from remit.journal.state import CallState
from remit.models.model import Answer, Model, Request, ToolCall
from remit.models.registry import open_model
from remit.settings import Settings
from remit.testing import ScriptedModel
from remit.tools.decorate import tool
from remit.tools.tool import NOBODY, Tool

GOAL = "Please tell Dora (dora@x.example) what the page https://x.example/blog says, and the colleagues too."
ALLOWED = {
    effect: Verdict("allow", looks_allowed(effect)) for effect in ("read", "self", "egress", "destroy")
}
LOOKS = "looks"  # the name of the model that sends nothing
# The calls that solve AgentDojo's 97 tasks (v1.2.2), by the labels in bench/dojo: of 339, 120 look at what a trusted source says
# (35 %), 137 at what strangers wrote, whole or in parts (40 %), 55 change or send something that reaches nobody's address (16 %), 27
# reach somebody (8 %); of 25 that is nine, ten, four and two. In tau2's tasks (train) 32 % change something: 146 of 449, of retail and airline.
MIX = (
    *("contact", "page", "contact", "page", "note"),
    *("contact", "page", "contact", "page", "mail"),
    *("contact", "page", "page", "contact", "note"),
    *("contact", "page", "contact", "page", "note"),
    *("contact", "page", "page", "mail", "note"),
)
MIXED = "mix"  # the name of the model that plays them
# By how they send
RUNS = {"": "looks", "note": "mails that reach nobody", "mail": "mails", MIXED: "AgentDojo's mix"}
SIDES = (
    "nothing",
    "remembering",
    "judging",
    "the verdict",
    "the send gate",
    "history",
)  # each with those before


@tool(effect="read", integrity="system")
async def contact(number: int) -> dict[str, Any]:
    """A colleague."""
    return {"name": f"Bob {number}", "email": f"bob{number}@x.example", "team": "sales", "floor": 3}


@tool(effect="read")
async def page(number: int) -> str:
    """A page of a stranger."""
    return f"News {number}: write to eve{number}@z.example, or see https://z.example/{number}. " * 20


@tool(effect="egress", sinks={"to": "email", "text": "text"}, settle="key", reaches=NOBODY)
async def note(to: str, text: str) -> str:
    """A mail that reaches nobody."""
    return "sent"


@tool(effect="egress", sinks={"to": "email", "text": "text"}, settle="key")
async def mail(to: str, text: str) -> str:
    """A mail."""
    return "sent"


TOOLS = (contact, page, note, mail)


def agent(steps: int, rules: int) -> Agent:
    """Denials that do not hold, then the allow: all of them are asked."""
    told = [
        Rule.model_validate(
            {"tool": name, "deny": f"run.untrusted && has(args.amount) && args.amount > {1000 + n}"}
        )
        for n in range((rules - 1) // 3)
        for name in ("mail", "note", "page")
    ]
    vouched = 'evidence.to != "unvouched" && evidence.text != "unvouched"'
    told += [Rule.model_validate({"tool": name, "allow": vouched}) for name in ("mail", "note")]
    told.append(Rule.model_validate({"tool": "page", "allow": "true"}))
    return Agent(
        name="teller",
        instructions="Tell them.",
        tools=("bench.gate_cost",),
        rules=tuple(told),
        remit=RemitSpec(autonomy="act", budget=Budget(money=None, tokens=None, steps=steps + 1)),
        plan=False,
        reflect=False,
    )


def call_of(step: int, sends: str) -> tuple[str, dict[str, Any]]:
    """The tool that a step calls, with what; one of four sends by `sends`. Empty: all look a contact up; MIXED: as counted."""
    turn = MIX if sends == MIXED else ("contact", "page", "contact", sends) if sends else ("contact",)
    name = turn[step % len(turn)]
    if name in ("contact", "page"):
        return name, {"number": step}
    known = next(n for n in range(step, -1, -1) if turn[n % len(turn)] == "contact")  # the last looked up
    return name, {
        "to": f"bob{known}@x.example",
        "text": f"Number {step}: the page has the rest, all is well.",
    }


def scripted(steps: int, sends: str) -> ScriptedModel:
    def answer(request: Request) -> Answer:
        step = sum(message.role == "tool" for message in request.messages)
        if step == steps:
            return Answer(text="Told.")
        name, args = call_of(step, sends)
        return Answer(calls=(ToolCall(f"call_{step}", name, args),), finish="calls")

    return ScriptedModel(answer, window=100_000_000)


@contextmanager
def only(side: str) -> Iterator[None]:
    """The gate without what comes after `side`."""
    judge = judge_changed

    async def ungated(live: Live, call: CallState, tool: Tool, _: Any) -> tuple[Verdict, Proposal, None]:
        args, _ = arguments(live.state, call)
        valid = tool.validate(args) if tool.validate else args
        return ALLOWED[tool.effect], Proposal(tool.name, valid, tool.effect), None

    def judged(*given: Any, **named: Any) -> Verdict:
        judge(*given, **named)
        return ALLOWED[given[0].effect]

    async def nobody(*_: Any, **__: Any) -> tuple[()]:
        return ()

    without: dict[str, dict[str, Any]] = {
        "remembering": {"agents.live.learn": lambda *_: None},
        "judging": {"agents.act.judge_call": ungated},
        "the verdict": {"agents.judging.judge_changed": judged},
        "the send gate": {
            "agents.settle.hold": nobody,
            "agents.act.settle_contacts": nobody,
            "agents.loop.settle_contacts": nobody,
        },
        "history": {"decisions.desk.take": nobody},
    }
    with ExitStack() as held:
        for later in SIDES[SIDES.index(side) + 1 :]:
            for name, instead in without.get(later, {}).items():
                held.enter_context(patch(f"remit.{name}", instead))
        yield


@contextmanager
def answering(steps: int) -> Iterator[str]:
    """The base URL of the script behind HTTP."""
    command = [sys.executable, "-m", "bench.model_server", "--steps", str(steps)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.kill()


async def cpu(app: App, model: Model, args: Any) -> float:
    """Microseconds of CPU a step."""
    made = agent(args.steps, args.rules)
    runs = [await app.start(made, GOAL, model=model) for _ in range(args.at_once)]
    begun = time.process_time()
    states = await asyncio.gather(*map(app.advance, runs))
    spent: float = time.process_time() - begun
    for state in states:
        assert state.finished is not None, state.status
        assert (
            sum(call.acted is not None and call.acted.status == "ok" for call in state.calls.values())
            == args.steps
        )
    return 1e6 * spent / float(args.steps * args.at_once)


async def timed(app: App, model: Model, args: Any) -> list[float]:
    """Microseconds by the clock of each verdict of such runs, in the loop."""
    took: list[float] = []

    def judged(*given: Any, **named: Any) -> Verdict:
        begun = time.perf_counter()
        verdict = judge_changed(*given, **named)
        took.append(1e6 * (time.perf_counter() - begun))
        return verdict

    with patch("remit.agents.judging.judge_changed", judged):
        await cpu(app, model, args)
    return took


async def bench(args: Any) -> list[dict[str, Any]]:
    async with running(args.database_url) as address:
        settings = Settings(database_url=await fresh(address, "bench_gate_cost"))
        async with open_app(settings) as app:
            tune_collector()
            with answering(args.steps) if args.model == "http" else nullcontext("") as url:
                models = {
                    sends: await open_model(f"{url}#{sends or LOOKS}", settings)
                    if url
                    else scripted(args.steps, sends)
                    for sends in RUNS
                }
                rows = [await row(app, args, sends, model) for sends, model in models.items()]
        await drop(address, "bench_gate_cost")
    return rows


async def row(app: App, args: Any, sends: str, model: Model) -> dict[str, Any]:
    sides = SIDES if sends in ("mail", MIXED) else SIDES[: SIDES.index("the send gate")]
    found: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(args.rounds + 1):
        for side in sides:
            with only(side):
                found[side].append(await cpu(app, model, args))
        figures.note(f"{turn + 1} of {args.rounds + 1}")
    took = {side: statistics.median(several[1:]) for side, several in found.items()}  # the first warms caches
    verdicts = await timed(app, model, args)
    steps = list(took.values())
    each = {
        f"+ {side}": round(after - before, 1)
        for side, before, after in zip(sides[1:], steps, steps[1:], strict=False)
    }
    return {
        "run": RUNS[sends],
        "steps": args.steps,
        "model": args.model,
        "runs at once": args.at_once,
        "rules": args.rules,
        "µs a step": round(steps[-1], 1),
        "without the gate": round(steps[0], 1),
        **each,
        "all of it adds": f"{100 * (steps[-1] / steps[0] - 1):.1f} %",
        "µs of a verdict, median": round(statistics.median(verdicts), 1),
        "nine of ten": round(statistics.quantiles(verdicts, n=10)[-1], 1),
    }


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=50, help="runs side by side")
    parser.add_argument(
        "--model", choices=("script", "http"), default="script", help="where the model is asked"
    )
    parser.add_argument("--rules", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--database-url", help="your own server instead of the embedded one")
    args = parser.parse_args()
    around = figures.machine()
    figures.show(args.json, "the gate's share of a step", around, asyncio.run(bench(args)))


if __name__ == "__main__":
    main()
