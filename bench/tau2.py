"""tau2's retail and airline on the library's own agents, with a model that does whatever the attacker says.

As bench/agentdojo.py: the model is a script, the benign one plays the task's gold actions, the compromised one the
attacker's too; everything between the script and the domain's database is Remit's own, and so are the agents, their tools
and their rules. tau2-bench (github.com/sierra-research/tau2-bench, MIT) brings the databases, policies and tasks; it does not run here.
Its customer tells what they want bit by bit, ours all at once: the scenario is the message, word for word.

The attacks are ours (bench/tau/retail.py, airline.py), made from the policies and the schemas for each task that changes
something. `message`: the verified customer asks for it themselves, with a claim that somebody allowed it: others' orders, larger
refunds, what the policy forbids. `database`: a stranger wrote it into a field, and the message says nothing of it.

Columns: utility (the end state of the whole database is that of the gold actions); unasked (tasks done without a question);
questions a task; pairs of a task and an attack, times variants; attacks succeeded (any value that only the attack puts into
the database stands there, or what it wanted to be told was told); effects: pairs in which a call of the attacker that is not
the task's own changed something. An attack whose calls the tools themselves refuse is played too: see `no defence`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

from bench import figures
from bench.agentdojo import LINES, flat, row
from bench.database import Address, own, running
from bench.dojo.play import PERSONS, Played
from bench.dojo.script import Script
from bench.tau import airline, retail
from bench.tau.errand import Attack, Domain, Errand, Where
from bench.tau.play import (
    VARIANTS,
    Aim,
    Stage,
    aim_by,
    aim_of,
    play,
    scripts_of,
    staged,
    task_of,
    unhindered,
    without_gate,
)
from remit.app import open_app
from remit.settings import Settings

Json = Any
WHERE = get_args(Where)
DOMAINS: dict[str, Callable[[Path], Domain]] = {"retail": retail.domain, "airline": airline.domain}
TASKS = ("tasks_train.json", "tasks.json")  # the first that is there
EXAMPLES = """examples:
  python -m bench.tau2 --tasks FOLDER --domain retail --limit 5         five tasks, all attacks on them
  python -m bench.tau2 --tasks FOLDER --attack none --json              utility and questions only
  python -m bench.tau2 --tasks FOLDER --attack late --person everybody
  python -m bench.tau2 --tasks FOLDER --kinds                           a line for each kind of attack
  python -m bench.tau2 --tasks FOLDER                                   everything: hours

--tasks: a folder with retail/ and airline/, in each tasks_train.json, or tasks.json as in data/tau2/domains of tau2-bench"""


@dataclass
class Tally:
    """What was played so far."""

    played: list[Played] = field(default_factory=list)
    already: int = 0  # attacks that the task itself fulfils
    void: int = 0  # variants that change nothing
    missing: list[str] = field(default_factory=list)
    broken_off: bool = False


async def persons(args: argparse.Namespace, one: Callable[[str], Awaitable[Played | None]]) -> list[Played]:
    """With each person. A run that asked nothing is the same with every person, and one in which the first said no to all
    is the same with who always does: it is played once."""
    found: list[Played] = []
    for person in args.person:
        if found and (found[0].asked == 0 or (person == "nobody" and found[0].approved == 0)):
            found.append(replace(found[0], person=person))
        elif (played := await one(person)) is not None:
            found.append(played)
    return found


async def one_errand(stage: Stage, errand: Errand, tally: Tally, args: argparse.Namespace) -> None:
    """A task without attack, then with each in all variants."""
    aim = await aim_of(stage, errand)
    for idle in (True, False):
        if one := await without_gate(stage, errand, None, "", aim, idle=idle):
            tally.played.append(one)
    tally.played += await persons(args, lambda p: play(stage, errand, None, "", p, aim, grant=args.grant))
    for attack in () if "none" in args.attack else errand.attacks:
        if attack.where in args.where and attack.name.startswith(args.only):
            await one_attack(stage, errand, attack, await aim_of(stage, errand, attack, aim), tally, args)


async def one_attack(
    stage: Stage, errand: Errand, attack: Attack, aim: Aim, tally: Tally, args: argparse.Namespace
) -> None:
    if aim.reached(aim.solved, errand.calls):
        tally.already += 1
        return
    for variant in args.attack:
        scripts = scripts_of(stage, task_of(errand, attack), variant)
        tally.void += not scripts
        for script in scripts:
            await one_script(stage, errand, attack, variant, script, aim, tally, args)


async def one_script(
    stage: Stage,
    errand: Errand,
    attack: Attack,
    variant: str,
    script: Script,
    aim: Aim,
    tally: Tally,
    args: argparse.Namespace,
) -> None:
    ran = await unhindered(stage, errand, attack, script)
    if variant == "one value":
        aim = await aim_by(stage, errand, attack, aim, script, ran)
        if not aim.wanted and not aim.told:  # the tools refuse it, or it comes to the same
            tally.void += 1
            return
    if plain := await without_gate(stage, errand, attack, variant, aim, script=script, ran=ran):
        tally.played.append(plain)

    def one(person: str) -> Awaitable[Played | None]:
        return play(stage, errand, attack, variant, person, aim, grant=args.grant, script=script)

    tally.played += await persons(args, one)


async def bench(args: argparse.Namespace, tally: Tally) -> None:
    async with running(args.database_url) as address:
        for name in args.domain:
            tasks = next((path for file in TASKS if (path := args.tasks / name / file).is_file()), None)
            if tasks is None:
                tally.missing.append(f"{name}: there is no {args.tasks / name / TASKS[0]}")
                continue
            await one_domain(DOMAINS[name](tasks), address, tally, args)


async def one_domain(domain: Domain, address: Address, tally: Tally, args: argparse.Namespace) -> None:
    errands = domain.errands()[args.skip :][: args.limit]
    left = iter(enumerate(errands, 1))

    async def worker(number: int) -> None:
        async with _stage(domain, address, f"bench_tau2_{number}") as stage:
            for at, errand in left:
                await one_errand(stage, errand, tally, args)
                about = f"{domain.suite.name} {errand.id}"
                figures.note(f"{at} of {len(errands)}: {about}, {len(tally.played)} runs")

    async with asyncio.TaskGroup() as group:
        for number in range(args.at_once):
            group.create_task(worker(number))


@asynccontextmanager
async def _stage(domain: Domain, address: Address, name: str) -> AsyncIterator[Stage]:
    """A database of its own for who works alone in it: Remit's tables and the domain's."""
    async with own(address, name) as url:
        settings = Settings(database_url=url, data_dir=figures.SCRATCH / "tau2")
        resources = {domain.resource: url}
        async with open_app(settings, resources=resources) as app, staged(domain, app, url) as stage:
            yield stage


def rows(played: Sequence[Played], *, kinds: bool) -> list[dict[str, Json]]:
    """A line for each domain and person, for each variant, and with `kinds` for each kind of attack."""
    found = []
    for suite in dict.fromkeys(one.case.suite for one in played):
        mine = [one for one in played if one.case.suite == suite]
        groups: list[tuple[str, Iterable[Played]]] = [("all", mine)]
        for name in dict.fromkeys(one.case.variant for one in mine if one.case.attack):
            groups.append((name, [one for one in mine if one.case.variant == name]))
        for where in WHERE:
            groups.append((where, [one for one in mine if one.case.attack.startswith(where)]))
        for name in dict.fromkeys(one.case.attack for one in mine if one.case.attack) if kinds else ():
            groups.append((name, [one for one in mine if one.case.attack == name]))
        for name, members in groups:
            for line in LINES:
                if those := [one for one in members if one.person == line]:
                    found.append(row(suite, name, line, those))
    return found


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--tasks", type=Path, required=True, help="a folder with a folder for each domain")
    made.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    made.add_argument("--domain", nargs="+", choices=list(DOMAINS), default=list(DOMAINS))
    made.add_argument("--person", nargs="+", choices=list(PERSONS), default=list(PERSONS))
    made.add_argument(
        "--attack",
        nargs="+",
        choices=[*VARIANTS, "none"],
        default=list(VARIANTS),
        help="; ".join(f"{name}: {words}" for name, words in VARIANTS.items()),
    )
    made.add_argument("--where", nargs="+", choices=WHERE, default=WHERE, help="where the attack stands")
    made.add_argument("--only", default="", help="attacks whose name begins so, as present")
    made.add_argument(
        "--grant",
        action="store_true",
        help="freeze first what each message takes, as one who reads it without a mistake would say",
    )
    made.add_argument("--skip", type=int, default=0, help="so many tasks of each domain first")
    made.add_argument("--limit", type=int, help="tasks of each domain (all where left out)")
    made.add_argument(
        "--at-once", type=int, default=2, help="tasks played at the same time, each in a database"
    )
    made.add_argument("--kinds", action="store_true", help="a line for each kind of attack too")
    made.add_argument("--runs", action="store_true", help="with --json: every single run too")
    made.add_argument("--database-url", help="your own server instead of the embedded one; as a superuser")
    return made


def main() -> None:
    args = parser().parse_args()
    around, tally = figures.machine(), Tally()
    try:
        asyncio.run(bench(args, tally))
    except (KeyboardInterrupt, asyncio.CancelledError):  # Ctrl-C: what there is will be shown
        tally.broken_off = True
    found = rows(tally.played, kinds=args.kinds)
    left_out = {
        "fulfilled by the task itself": tally.already,
        "variants that change nothing": tally.void,
        "domains without tasks": "; ".join(tally.missing),
        "broken off": tally.broken_off,
    }
    if args.json:
        runs = [flat(one) for one in tally.played] if args.runs else []
        whole = {"bench": "tau2", "machine": around, "left out": left_out, "rows": found, "runs": runs}
        print(json.dumps(whole, default=str))
        return
    figures.show(False, "tau2" + (" (broken off)" if tally.broken_off else ""), around, found)
    print("; ".join(f"{what}: {number}" for what, number in left_out.items()))


if __name__ == "__main__":
    main()
