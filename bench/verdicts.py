"""Verdicts on made-up scenarios, the same ones each time, a line each: to be compared byte by byte with those of other code.

A scenario is a run that reads things from trusted sources and strangers, and asks the gate about calls in between, so that what is
remembered from one question to the next is a part of it. Values are drawn from few, and spelled in many ways, so that they meet.

Examples: python -m bench.verdicts > now.txt · PYTHONPATH=/other/src python -m bench.verdicts > before.txt; cmp before.txt now.txt
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from typing import Any

from remit.gate.changed import judge_changed
from remit.gate.known import Known
from remit.gate.proposal import Facts, Proposal
from remit.gate.rules import Rule, Rules, compile_rules

Json = Any
VALUES = (
    "dora@x.example", "Dora@X.example ", "eve@z.example", "e\u200bve@z.example", "bob7@x.example", "Bob <bob7@x.example>", "dörte@x.example",
    "https://x.example/blog", "http://z.example/a?b=1", "HTTPS://X.example/blog", "z.example", "www.z.example/x", "javascript:alert(1)", "ftp2+x://y.example",
    "+49 30 1234567", "0049301234567", "DE89 3704 0044 0532 0130 00", "4111 1111 1111 1111", "$50.00", "50", 50, 50.5, 1e-7, "1e-7", True, None,
    "#W1000001", "w1000001", "reports/q3.xlsx", "reports/../q4.xlsx", "Ann", "ANN\u00a0", "tab\there", "line\nbreak", "back\\slash", 'quo"te', "\x7f", "\b",
)  # fmt: skip
WORDS = [
    "dear",
    "dora",
    "all",
    "is",
    "well",
    "the",
    "report",
    "of",
    "page",
    "has",
    "rest",
    "refund",
    "order",
    "please",
    "write",
    "to",
    "see",
    "not",
    "straße",
    "ＷＩＤＥ",
    "12",
    "345",
]
KINDS = ("email", "url", "phone", "account", "amount", "path", "person", "id:order", "text")
CONDITIONS = (
    "true", "size(evidence) > 0", "run.untrusted", 'has(args.b) && evidence.a != "unvouched"', "has(args.amount) && args.amount > 40",
    'evidence.a in ["grant", "directory", "record"]', 'args.a == "dora@x.example"', "order.customer == person.id", "run.counts.send > 1",
    'size(labels.read) > 0 && "secret" in labels.read', "args.gone == 1",
)  # fmt: skip


def text(chance: random.Random) -> str:
    several = [
        str(chance.choice((*WORDS, *WORDS, *VALUES))) for _ in range(chance.choice((1, 3, 8, 40, 120)))
    ]
    return chance.choice((" ", " ", "\n", ". ", ", ")).join(several)


def value(chance: random.Random, depth: int = 2) -> Json:
    shape = chance.random()
    if depth and shape < 0.2:
        return {
            chance.choice(("to", "name", "order_id", "eve@z.example")): value(chance, depth - 1)
            for _ in range(3)
        }
    if depth and shape < 0.35:
        return [value(chance, depth - 1) for _ in range(chance.randrange(4))]
    return text(chance) if shape < 0.6 else chance.choice(VALUES)


def rules(chance: random.Random) -> Rules:
    def some(decisions: tuple[str, ...], most: int) -> list[Rule]:
        return [
            Rule((chance.choice(("send", "*")),), chance.choice(decisions), chance.choice(CONDITIONS))  # type: ignore[arg-type]
            for _ in range(chance.randrange(most))
        ]

    return compile_rules(some(("allow", "ask", "deny"), 5), ["order"], workspace=some(("ask", "deny"), 2))


def read(chance: random.Random, known: Known, number: int) -> None:
    trusted = chance.random() < 0.5
    fields = {"to": "system", "*": "untrusted"} if chance.random() < 0.2 else {}
    known.learn(
        value(chance),
        trusted,
        f"source {number}",
        {"q": value(chance, 0)},
        fields,
        f"{number}.1",
        not trusted and chance.random() < 0.3,
    )


def proposal(chance: random.Random) -> Proposal:
    args = {name: value(chance) for name in chance.sample(("a", "b", "amount"), chance.randrange(1, 4))}
    sinks = {name: chance.choice(KINDS) for name in args if chance.random() < 0.8}
    return Proposal(
        chance.choice(("send", "look")), args, chance.choice(("read", "egress", "egress", "destroy")), sinks
    )


def scenario(seed: int) -> list[str]:
    chance, known, said = random.Random(seed), Known(), []
    ruled, goal = rules(chance), text(chance)
    person = {"id": "ann", "name": "Ann", "email": chance.choice(("ann@x.example", "dora@x.example"))}
    inputs = {"mail": value(chance)} if chance.random() < 0.5 else {}
    for number in range(1, chance.randrange(2, 7)):
        for _ in range(chance.randrange(3)):
            read(chance, known, number)
        records = {"order": value(chance)} if chance.random() < 0.5 else {}
        call = proposal(chance)
        facts = Facts(
            autonomy=chance.choice(("act", "ask", "draft")), tools=frozenset({"send", "look"}), person=person, inputs=inputs, records=records,
            untrusted=chance.random() < 0.5, goal=goal, counts={"send": chance.randrange(3)}, known=known, beside=[],
            left=chance.choice((None, None, {"send": 1})), amended={"a": value(chance)} if chance.random() < 0.1 else {},
        )  # fmt: skip
        found = judge_changed(call, facts, ruled)
        told = [
            found.decision,
            found.rule,
            found.reasons,
            dict(found.evidence),
            dict(found.provenance),
            call.digest,
        ]
        said.append(json.dumps(told, default=str))
    return said


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenarios", type=int, default=4_000, help="of some three calls each")
    parser.add_argument("--digest", action="store_true", help="one line for all of them")
    args = parser.parse_args()
    whole = hashlib.sha256()
    for seed in range(args.scenarios):
        for line in scenario(seed):
            whole.update(line.encode())
            if not args.digest:
                print(seed, line)
    if args.digest:
        print(whole.hexdigest())


if __name__ == "__main__":
    main()
