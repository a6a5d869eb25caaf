"""`remit policy test`, `explain`, `diff`: what the rules decide, why, and what other rules would have decided."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.text import Text

from remit import library, settings
from remit.agents.spec import Agent
from remit.agents.workspace import Workspace, compilable, is_workspace, load_workspace, workspace_of
from remit.catalogue.find import find_any
from remit.cli.common import Json, console, group, perform, print_json
from remit.cli.here import open_here
from remit.cli.timeline import colour
from remit.cli.verdicts import anew_as_data, as_data, show, show_anew
from remit.errors import Mend, UnknownName, UserError
from remit.examples import (
    Situation,
    Tried,
    beside,
    facts_of,
    load_examples,
    misspelt,
    proposed,
    try_example,
    try_narrowing,
    ungiven,
)
from remit.gate.explain import explain as explain_call
from remit.gate.policy import check, warnings
from remit.journal.events import Started
from remit.outfit import agent_of, find_agent, outfit
from remit.past import explained, inherited, judge_again, past_calls
from remit.remembered import list_ever
from remit.said import brief
from remit.why import explain

Rules_ = Annotated[
    Path | None, typer.Option("--workspace", help="A file of rules that hold for every agent.")
]
WIDE = 60  # columns that the names of examples may take

policy = group(
    help="""What the rules of the gate decide, why, and what other rules would have decided.

    Each prints JSON with --json.

    Examples:

    remit policy test

    remit policy explain last 3.1

    remit policy diff stricter.yaml --runs 100 --json
    """,
)


@policy.callback()
def _group() -> None:
    """So that it is a group whatever the number of its commands."""


@policy.command(
    "test", short_help="Judge the examples beside an agent, and check its rules against its tools."
)
def examples(
    agent: Annotated[
        str | None,
        typer.Argument(
            help="An agent: its name, its file, or its file of examples; or a workspace's rules. "
            "Without: the library's agents, and the workspace's rules that hold."
        ),
    ] = None,
    workspace: Rules_ = None,
    as_json: Json = False,
) -> None:
    """Check the rules against the tools, and judge the examples beside the agent: `shop.policy.yaml` beside `shop.yaml`. A
    workspace's rules are judged by themselves, or, by --workspace, together with the agent's.

    Exit code 1 when one is decided otherwise than it says, 2 when a rule cannot be meant as it stands.

    Examples:

    remit policy test support

    remit policy test ./shop.yaml --json

    remit policy test ./rules.yaml

    remit policy test ./shop.yaml --workspace ./rules.yaml
    """
    found = perform(_test(agent, workspace, as_json))
    if any(tried.wrong for tried in found):
        raise typer.Exit(1)


@policy.command("explain", short_help="Which rule decided a call and why, and what would make it allowed.")
def why_so(
    run: Annotated[str | None, typer.Argument(help="The run's id, its beginning, or `last`.")] = None,
    step: Annotated[
        str | None, typer.Argument(help="A call (3.1) or the number of an event, as `remit show` lists them.")
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", "-a", help="Instead of a run: an agent, by name or file.")
    ] = None,
    tool: Annotated[str, typer.Option("--tool", "-t", help="The tool that is called.")] = "",
    args: Annotated[str, typer.Option("--args", help="Its arguments, as JSON.")] = "{}",
    given: Annotated[
        str,
        typer.Option("--given", help="What is known, as JSON: person, inputs, records, goal, untrusted, …"),
    ] = "{}",
    as_json: Json = False,
) -> None:
    """Which rule decided a call and why: each rule that was looked at, the evidence for each sink, and what would make it
    allowed. Of a call of a run, or of one that you think of.

    Examples:

    remit policy explain last 3.1

    remit policy explain --agent support --tool my_account --given '{"person": {"verified": false}}'

    remit policy explain -a ./shop.yaml -t charge --args '{"amount": 70}' --json
    """
    if (run is None) == (agent is None) or (run is not None and step is None):
        raise typer.BadParameter("give a run and a call, or --agent and --tool")
    if run is not None:
        perform(_explain_run(run, step or "", as_json))
    else:
        perform(_explain_thought(agent or "", tool, args, given, as_json))


@policy.command("diff", short_help="What changed rules would have decided otherwise in past runs.")
def simulate(
    agent: Annotated[
        str | None, typer.Argument(help="The agent with the changed rules: a file, or a name.")
    ] = None,
    workspace: Rules_ = None,
    runs: Annotated[
        int, typer.Option("--runs", "-n", min=1, max=1000, help="So many of the newest runs.")
    ] = 100,
    of: Annotated[str, typer.Option("--of", help="Runs of this agent, where it has another name.")] = "",
    as_json: Json = False,
) -> None:
    """Judge the calls of past runs again by changed rules, and list what would have been decided otherwise: an agent's, or
    those of a workspace, for the runs of all agents.

    Nothing is called and no model is asked: each call is judged by itself, with what the journal holds of that time. What a
    model would have done after another verdict, `remit replay --rules` can tell.

    Examples:

    remit policy diff stricter.yaml

    remit policy diff stricter.yaml --runs 500 --json | jq .counts

    remit policy diff --workspace ./rules.yaml
    """
    if agent is None and workspace is None:
        raise typer.BadParameter("name an agent with changed rules, or --workspace, or both")
    perform(_diff(agent, workspace, runs, of, as_json))


async def _test(name: str | None, workspace: Path | None, as_json: bool) -> list[Tried]:
    names = [name] if name else [one for one in library.agents() if beside(one).exists()]
    rules = load_workspace(workspace).rules if workspace else ()
    found: dict[str, list[Tried]] = {}
    doubts: dict[str, list[str]] = {}
    if name is None and (now := workspace_of(settings.load()).path):
        names.append(str(now))
    for one in names:
        if (file := _of_workspace(one)) is not None:
            written = load_examples(beside(str(file))) if name or beside(str(file)).exists() else ()
            held = load_workspace(file)
            doubts[str(file)] = []
            found[str(file)] = [try_narrowing(held, example) for example in written]
            continue
        agent, path = _told_apart(one)
        agent = agent.model_copy(update={"workspace": rules})
        written = load_examples(path)
        doubts[agent.name] = _checked(agent) + misspelt(written, outfit(agent))
        found[agent.name] = [try_example(agent, example) for example in written]
    every = [tried for several in found.values() for tried in several]
    if as_json:
        print_json(
            [
                {
                    "agent": agent,
                    "warnings": doubts[agent],
                    "examples": [_as_data(tried) for tried in several],
                }
                for agent, several in found.items()
            ]
        )
        return every
    for agent_name, several in found.items():
        _print(agent_name, several, doubts[agent_name])
    return every


def _of_workspace(name: str) -> Path | None:
    """The workspace's rules, by their file or that of their examples; None for an agent."""
    path = Path(name)
    if path.name.endswith((".policy.yaml", ".policy.yml")):
        path = path.with_name(f"{path.name.rsplit('.policy.', 1)[0]}.yaml")
    return path if path.suffix in (".yaml", ".yml") and is_workspace(path) else None


def _told_apart(name: str) -> tuple[Agent, Path]:
    """The agent and its file of examples, by either."""
    path = Path(name)
    if path.name.endswith((".policy.yaml", ".policy.yml")):
        stem = path.name.rsplit(".policy.", 1)[0]
        return find_agent(str(Path().joinpath(path.with_name(f"{stem}.yaml")).absolute())), path
    return find_agent(name), beside(name)


def _checked(agent: Agent) -> list[str]:
    made = outfit(agent)
    check(made.rules, made.tools)
    return warnings(made.rules, made.tools, agent.remit.autonomy)


def _as_data(tried: Tried) -> dict[str, object]:
    return {
        "name": tried.example.title,
        "tool": tried.example.tool,
        "args": tried.example.args,
        "expected": tried.example.expect,
        "decision": tried.verdict.decision if tried.verdict else None,
        "rule": tried.verdict.rule if tried.verdict else "",
        "reasons": tried.verdict.reasons if tried.verdict else (),
        "wrong": tried.wrong,
    }


def _print(agent: str, several: list[Tried], doubts: list[str]) -> None:
    console.print(Text(agent, "bold"))
    wide = min(WIDE, max((len(tried.example.title) for tried in several), default=0))
    for tried in several:
        decision = tried.verdict.decision if tried.verdict else "-"
        line = Text.assemble(
            ("✗ ", "red") if tried.wrong else ("✓ ", "green"),
            (f"{decision:<6}", colour(decision)),
            f"{tried.example.title:<{wide}}  ",
            (f"{tried.example.tool}: {_rule(tried)}", "dim"),
        )
        line.truncate(console.width, overflow="ellipsis")
        console.print(line)
        for wrong in tried.wrong:
            console.print(Text(f"        {wrong}", "red"))
    for doubt in doubts:
        console.print(Text(f"warning: {doubt}", "yellow"))
    count = sum(bool(tried.wrong) for tried in several)
    words = (
        f"{count} of {len(several)} are decided otherwise."
        if count
        else f"All {len(several)} are decided as they say."
    )
    console.print(f"{words}\n" if several else "No examples.\n")


def _rule(tried: Tried) -> str:
    """What decided, as a person finds it in the file: by its words where it has some, else by its name."""
    verdict = tried.verdict
    if verdict is None:
        return "not judged"
    return " ".join((verdict.reasons[0] if verdict.reasons else verdict.rule).split())


async def _explain_run(prefix: str, step: str, as_json: bool) -> None:
    async with open_here() as app:
        run = await app.find(prefix)
        events = await app.journal.read(run)
        told = explain(events, step)
        ever, now = await list_ever(app.store), await app.rules()
    past, started = past_calls(events).get(str(told["call"])), events[0].body
    if past is None or not isinstance(started, Started):
        raise UserError(
            f"{told['tool']} was not judged: it came to {told['outcome']!r} before, or is not that far yet"
        )
    agent = agent_of(started, past.narrowed)
    try:
        found = explained(past, agent, outfit(agent), ever)
    except Mend as error:
        raise UserError(f"{told['tool']} does not take these arguments any more: {error}") from error
    differs = ""
    if found.verdict.decision != past.decision:
        differs = (
            f"the journal says {past.decision} by {past.rule}; judged again, with what it holds of that time, it is "
            f"{found.verdict.decision}"
        )
    verdict = found.verdict._replace(
        decision=past.decision,
        rule=past.rule,
        reasons=past.reasons,
        evidence=past.evidence,
        provenance=past.provenance,
    )
    found = replace(found, verdict=verdict, ways=() if past.decision == "allow" else found.ways)
    values: dict[str, Any] = told["values"]  # type: ignore[assignment]
    if as_json:
        names = ("call", "tool", "args", "outcome", "goal", "asked by", "approved by", "values")
        about = {name.replace(" ", "_"): told[name] for name in names}
        print_json({"run": run, **about, **as_data(found), "differs": differs})
        return
    notes = {"outcome": str(told["outcome"]), "approved by": str(told["approved by"]), "but now": differs}
    show(f"{told['tool']} {brief(told['args'], 300)}", found, values, notes, _places(agent, now))


async def _explain_thought(name: str, tool: str, args: str, given: str, as_json: bool) -> None:
    async with open_here() as app:
        now = await app.rules()
        agent = now.over((await find_any(app.store, name)).agent)
    made = outfit(agent)
    if not tool:
        raise UserError(f"say which tool: --tool; {agent.name} has {', '.join(made.tools)}")
    if tool not in made.tools:
        raise UnknownName("tool", tool, made.tools, f"agent {agent.name}")
    call, known = _object(args, "--args"), _object(given, "--given")
    try:
        situation = Situation.model_validate(known)
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(f"--given: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    try:
        proposal = proposed(made.tools.get(tool), tool, call)
    except Mend as error:
        raise UserError(str(error)) from error
    facts = facts_of(agent, made, situation)
    found = explain_call(proposal, facts, made.rules, inherited(agent, made))
    if as_json:
        print_json({"agent": agent.name, "tool": tool, "args": call, **as_data(found)})
        return
    notes = {
        "not given": "; ".join(
            f'the record {name}, which the rules may look at: --given \'{{"records": {{"{name}": {{…}}}}}}\''
            for name in ungiven(made, tool, situation)
        )
    }
    values = {name: {"value": value} for name, value in call.items()}
    show(f"{tool} {brief(call, 300)}", found, values, notes, _places(agent, now))


def _places(agent: Agent, now: Workspace) -> dict[str, str]:
    """Where the rules of the workspace stand that the agent is judged by."""
    names = [compilable(rule).name for rule in agent.workspace]
    return {name: now.place(name) or "not among them any more; it held when the run began" for name in names}


def _object(text: str, option: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(f"{option}: it is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f'{option}: a JSON object is needed, as {{"amount": 5}}')
    return found


async def _diff(name: str | None, workspace: Path | None, runs: int, of: str, as_json: bool) -> None:
    rules = load_workspace(workspace).rules if workspace else None
    async with open_here() as app:
        agent = (await find_any(app.store, name)).agent if name else None
        found = await judge_again(app, agent, runs, of, rules)
    if as_json:
        print_json(anew_as_data(found))
        return
    show_anew(found, of or (agent.name if agent else ""))
