"""One verdict of the gate with 50 rules, as a run in its hundredth step asks for it, and what it costs to know what was read.

Each row is a call of a tool: the median, the 99th percentile and the least of `judge` alone, facts and proposal made beforehand,
and of learning a result, by the clock; and the mean of the CPU that this process took, to which work beside it adds
less. Nothing is written, no model is asked.

Examples: python -m bench.judge · python -m bench.judge --rules 200 --json
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from bench import figures
from remit.gate.judge import judge
from remit.gate.known import Known
from remit.gate.proposal import Facts, Proposal
from remit.gate.rules import Rule, Rules, compile_rules

GOAL = (
    "Please send Dora (dora@x.example) the report reports/q3.xlsx, refund order #W1000001, at most $50.00, "
    "and tell her that the page https://x.example/blog has the rest. Thank you, Ann"
)
ORDER = {
    "order_id": "#W1000001",
    "customer": "ann",
    "address": {"street": "1 Main St", "city": "Springfield", "zip": "62701"},
    "items": [{"id": f"{n}", "name": f"thing {n}", "price": n + 0.5} for n in range(8)],
}
CALLS = {
    "read, no sink": Proposal("look", {"page": 3}, "read"),
    "e-mail, vouched by the goal": Proposal("send_0", {"to": "Dora@x.example"}, "egress", {"to": "email"}),
    "e-mail, vouched by a directory": Proposal("send_0", {"to": "bob7@x.example"}, "egress", {"to": "email"}),
    "e-mail of a stranger": Proposal("send_0", {"to": "eve@y.example"}, "egress", {"to": "email"}),
    "e-mail and text with a link": Proposal(
        "send_0",
        {"to": "dora@x.example", "body": "Dear Dora,\n" + "all is well. " * 40 + "https://x.example/blog"},
        "egress",
        {"to": "email", "body": "text"},
    ),
    "refund: id and amount, a record": Proposal(
        "send_1", {"order": "W1000001", "amount": 50}, "destroy", {"order": "id:order", "amount": "amount"}
    ),
}


def rules_of(count: int, one_tool: bool, asked: bool = True) -> Rules:
    """`count` rules of which the last for a tool allows; for ten tools in turn, or all for one. `asked`: by a condition that CEL is
    asked; else by the evidence of one argument, as rules for mails are written, which is seen without it."""
    rules = []
    for n in range(count):
        tool = "send_*" if one_tool else f"send_{n % (count // 5)}"
        vouched = f'evidence.{"order" if tool == "send_1" else "to"} != "unvouched"'
        allow = "size(evidence) > 0" if asked else vouched
        last = n >= (count - 1 if one_tool else count - count // 5)
        condition = allow if last else f"run.untrusted && has(args.amount) && args.amount > {1000 + n}"
        rules.append(Rule((tool,), "allow" if last else "deny", condition))
    return compile_rules(rules, ["order"])


def read(known: Known, step: int) -> None:
    """What a step has read: a contact of the directory, then a page of a stranger."""
    known.learn([{"name": f"Bob {step}", "email": f"bob{step}@x.example"}], True, "contacts")
    known.learn(f"News {step}: write to eve{step}@z.example. " * 20, False, f"page {step}")


def took(act: Callable[[], Any], times: int) -> list[float]:
    """Microseconds of each call; the last is the mean of the CPU."""
    found, before = [], time.process_time_ns()
    for _ in range(times):
        start = time.perf_counter_ns()
        act()
        found.append((time.perf_counter_ns() - start) / 1000)
    return [*found, (time.process_time_ns() - before) / 1000 / times]


def row(name: str, taken: list[float]) -> dict[str, Any]:
    *found, cpu = taken
    return {
        "what": name,
        "median, µs": round(statistics.median(found), 2),
        "99th, µs": round(statistics.quantiles(found, n=100)[98], 2),
        "least, µs": round(min(found), 2),
        "CPU, µs": round(cpu, 2),
    }


def bench(args: Any) -> list[dict[str, Any]]:
    known, steps = Known(), iter(range(50))
    learned = [one / 2 for one in took(lambda: read(known, next(steps)), 50)]
    facts = Facts(
        autonomy="act",
        tools=frozenset({"look", "send_0", "send_1"}),
        person={"id": "ann", "name": "Ann", "email": "ann@x.example", "verified": True},
        inputs={"mail": "m1"},
        records={"order": ORDER},
        untrusted=True,
        goal=GOAL,
        counts={"send_0": 1},
        known=known,
    )
    rows = [row("learn a result", learned)]
    for title, one_tool, asked in (
        (f"{args.rules} rules", False, True),
        (f"{args.rules} rules, all for the tool", True, True),
        (f"{args.rules} rules, allowed by evidence", False, False),
    ):
        rules = rules_of(args.rules, one_tool, asked)
        for name, call in CALLS.items():
            judge(call, facts, rules)
            rows.append(row(f"{title}: {name}", took(partial(judge, call, facts, rules), args.times)))
    rows.append(row("first question after 100 results", took(lambda: _fresh(facts), 100)))
    return rows


def _fresh(facts: Facts) -> None:
    known = Known()
    for step in range(50):
        read(known, step)
    known.who("email", "eve@y.example")


def main() -> None:
    parser = figures.arguments(__doc__ or "")
    parser.add_argument("--rules", type=int, default=50)
    parser.add_argument("--times", type=int, default=2000, help="verdicts a row")
    args = parser.parse_args()
    around = figures.machine()
    figures.show(args.json, f"the gate: one verdict, {args.rules} rules", around, bench(args))


if __name__ == "__main__":
    main()
