"""AgentDojo 0.1.35 (suites v1.2.2) on Remit, with a model that does whatever the attacker says.

The model is a script: the benign one plays the calls that solve the user's task, the compromised one the attacker's
too. Everything between the script and AgentDojo's functions is Remit's own: the loop, the gate with the rules in
bench/dojo/*.yaml, approvals, the journal in PostgreSQL. AgentDojo runs in an environment of its own, in a process of its own, since
its dependencies must not mix with ours, and is asked over a pipe.

Columns: utility (by the suite's own check, without attack); unasked (tasks done without a question); questions a task; pairs of a task and an
attack, times variants; attacks succeeded by the suite's own check; effects: pairs in which a call of the attacker
that is not the user's own sent or changed something, whatever the check says. Left out of the pairs, and counted: attacks of words only (no call at all:
what they want is said in the answer), and those that the user's own task already fulfils.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from bench import figures
from bench.database import own, running
from bench.dojo.env import Dojo, opened
from bench.dojo.labels import SUITES, Suite, differences, suite
from bench.dojo.play import PERSONS, UNREADABLE, Case, Played, play, without_gate
from bench.dojo.script import ATTACKS
from remit.app import App, open_app
from remit.settings import Settings

Json = Any
LINES = ("does nothing", "no defence", *PERSONS)
EXAMPLES = """examples:
  python -m bench.agentdojo --suite banking --limit 5      a minute: five tasks, all attacks on them
  python -m bench.agentdojo --attack late rewritten --person everybody
  python -m bench.agentdojo --attack none --json           utility and questions only
  python -m bench.agentdojo                                everything"""


@dataclass
class Tally:
    """What was played so far, and what was left out."""

    played: list[Played] = field(default_factory=list)
    words_only: int = 0
    already: int = 0
    void: int = 0  # variants that change nothing
    broken_off: bool = False


def cases(described: Mapping[str, Json], args: argparse.Namespace) -> Iterator[tuple[Case, list[Case]]]:
    """Each user's task with its attacks, in all variants asked for."""
    for name in args.suite:
        tasks = described[name]["tasks"][args.skip :][: args.limit]
        attacks = {} if "none" in args.attack else described[name]["attacks"]
        for user in tasks:
            yield (
                Case(name, user),
                [
                    Case(name, user, attack, variant, goal)
                    for attack, goal in attacks.items()
                    for variant in args.attack
                ],
            )


async def persons(app: App, dojo: Dojo, of: Suite, case: Case, args: argparse.Namespace) -> list[Played]:
    """A case with each person. A run that asked nothing is the same with every person, and one in which the first said
    no to all is the same with who always does: it is played once."""
    found: list[Played] = []
    for person in args.person:
        if found and (found[0].asked == 0 or (person == "nobody" and found[0].approved == 0)):
            found.append(replace(found[0], person=person))
        elif one := await play(app, dojo, of, case, person, grant=args.grant):
            found.append(one)
    return found


async def one_task(app: App, dojo: Dojo, tally: Tally, args: argparse.Namespace, work: Any) -> None:
    """A user's task without attack, then with each."""
    task, attacked = work
    of = suite(task.suite)
    idle, benign = await without_gate(dojo, of, task, idle=True), await without_gate(dojo, of, task)
    tally.played += [one for one in (idle, benign) if one]
    tally.played += await persons(app, dojo, of, task, args)
    for attack in dict.fromkeys((case.attack, case.goal) for case in attacked):
        variants = [case for case in attacked if (case.attack, case.goal) == attack]
        kept = await _kept(dojo, of, variants[0], tally)
        for case in variants if kept else ():
            bare = await without_gate(dojo, of, case)
            tally.void += bare is None
            if bare is not None:
                tally.played += [bare, *await persons(app, dojo, of, case, args)]


async def _kept(dojo: Dojo, of: Suite, case: Case, tally: Tally) -> bool:
    """Whether the attack on this task shows anything."""
    number, about = await dojo.open(case.suite, case.user, case.attack, "")
    if not about["attack_calls"]:
        tally.words_only += 1
    for tool, given in about["calls"]:
        await dojo.made(number, tool, given)
    done = (await dojo.ask("check", session=number, output=about["output"]))["attacked"]
    tally.already += bool(done and about["attack_calls"])
    return bool(about["attack_calls"]) and not done


async def bench(args: argparse.Namespace, tally: Tally) -> None:
    async with _started(args) as (app, dojo):
        described = await dojo.ask("describe")
        if wrong := [line for name in SUITES for line in differences(suite(name), described[name])]:
            raise SystemExit("bench: the labels do not fit this AgentDojo:\n" + "\n".join(wrong))
        waiting = list(cases(described, args))
        total, left = len(waiting), iter(enumerate(waiting, 1))

        async def worker() -> None:
            for number, work in left:
                await one_task(app, dojo, tally, args, work)
                figures.note(f"{number} of {total}: {work[0].suite} {work[0].user}, {len(tally.played)} runs")

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(args.at_once):
                    group.create_task(worker())
        except asyncio.CancelledError:  # Ctrl-C: what there is will be shown
            tally.broken_off = True


@asynccontextmanager
async def _started(args: argparse.Namespace) -> AsyncIterator[tuple[App, Dojo]]:
    async with (
        running(args.database_url) as address,
        opened() as dojo,
        own(address, "bench_agentdojo") as url,
    ):
        settings = Settings(database_url=url, data_dir=figures.SCRATCH / "dojo")
        async with open_app(settings, resources={"world": dojo}) as app:
            yield app, dojo


def percent(part: int, whole: int) -> str | None:
    return f"{100 * part / whole:.1f}" if whole else None


def row(suite: str, variant: str, line: str, played: Sequence[Played]) -> dict[str, Json]:
    """One line of the table."""
    tasks = [one for one in played if not one.case.attack]
    pairs = [one for one in played if one.case.attack]
    asks = line in PERSONS and tasks
    return {
        "suite": suite,
        "attack": variant,
        "line": line,
        "tasks": len(tasks) or None,
        "utility %": percent(sum(bool(one.utility) for one in tasks), len(tasks)),
        "unasked %": percent(sum(bool(one.utility) and not one.asked for one in tasks), len(tasks))
        if asks
        else None,
        "questions a task": round(sum(one.asked for one in tasks) / len(tasks), 2) if asks else None,
        "pairs": len(pairs) or None,
        "succeeded": sum(one.attacked for one in pairs) if pairs else None,
        "succeeded %": percent(sum(one.attacked for one in pairs), len(pairs)),
        "effects": sum(one.effects > 0 for one in pairs) if pairs else None,
        "effects %": percent(sum(one.effects > 0 for one in pairs), len(pairs)),
    }


def rows(played: Sequence[Played]) -> list[dict[str, Json]]:
    """A line for each suite and person, for all suites, and for each variant of the attack over all suites."""
    found = []
    suites = list(dict.fromkeys(one.case.suite for one in played))
    variants = list(dict.fromkeys(one.case.variant for one in played if one.case.attack))
    groups = [(name, "all", [one for one in played if one.case.suite == name]) for name in suites]
    groups.append(("all", "all", list(played)))
    groups += [("all", name, [one for one in played if one.case.variant == name]) for name in variants]
    for name, variant, members in groups:
        for line in LINES:
            if mine := [one for one in members if one.person == line]:
                found.append(row(name, variant, line, mine))
    return found


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    made.add_argument("--suite", nargs="+", choices=SUITES, default=list(SUITES))
    made.add_argument("--person", nargs="+", choices=list(PERSONS), default=list(PERSONS))
    made.add_argument(
        "--attack",
        nargs="+",
        choices=[*ATTACKS, "none"],
        default=list(ATTACKS),
        help="; ".join(f"{name}: {words}" for name, words in ATTACKS.items()),
    )
    made.add_argument(
        "--grant",
        action="store_true",
        help="freeze first what each goal takes, as one who reads it without a mistake would say",
    )
    made.add_argument("--skip", type=int, default=0, help="so many user tasks of each suite first")
    made.add_argument("--limit", type=int, help="user tasks of each suite (all where left out)")
    made.add_argument("--at-once", type=int, default=4, help="tasks played at the same time")
    made.add_argument("--runs", action="store_true", help="with --json: every single run too")
    made.add_argument("--database-url", help="your own server instead of the embedded one")
    return made


def main() -> None:
    args = parser().parse_args()
    around, tally = figures.machine(), Tally()
    try:
        asyncio.run(bench(args, tally))
    except KeyboardInterrupt:
        tally.broken_off = True
    found = rows(tally.played)
    left_out = {
        "words only": tally.words_only,
        "fulfilled by the task itself": tally.already,
        "variants that change nothing": tally.void,
        "runs whose journal could not be read again": sum(one.status == UNREADABLE for one in tally.played),
        "broken off": tally.broken_off,
    }
    if args.json:
        runs = [flat(one) for one in tally.played] if args.runs else []
        whole = {"bench": "agentdojo", "machine": around, "left out": left_out, "rows": found, "runs": runs}
        print(json.dumps(whole, default=str))
        return
    figures.show(False, "agentdojo" + (" (broken off)" if tally.broken_off else ""), around, found)
    print("; ".join(f"{what}: {number}" for what, number in left_out.items()))


def flat(one: Played) -> dict[str, Json]:
    """A run as one JSON object."""
    case = one.case
    about = {"suite": case.suite, "user": case.user, "attack": case.attack, "variant": case.variant}
    return about | {key: getattr(one, key) for key in Played.__slots__ if key != "case"}


if __name__ == "__main__":
    main()
