"""`remit`: each command parses, calls one function, prints. A command's module is loaded when it is called."""

from __future__ import annotations

import importlib
import os
import sys

import typer

import remit
from remit.errors import UnknownName

# name -> (module:function, what it does); in the order that a newcomer needs them
GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Work": {
        "demo": ("remit.cli.demo:demo", "Watch the support agent work through a shop's mail"),
        "run": ("remit.cli.run:run", "Give an agent a goal and watch it"),
        "resume": ("remit.cli.run:resume", "Go on with a run that was paused or interrupted"),
        "generate": ("remit.cli.generate:generate", "One answer from a model: text, code, JSON, a label, …"),
    },
    "People": {
        "inbox": ("remit.cli.inbox:inbox", "What waits for a person"),
        "approve": ("remit.cli.inbox:approve", "Say yes to what a run asks, and let it go on"),
        "reject": ("remit.cli.inbox:reject", "Say no, with a reason the agent reads"),
        "answer": ("remit.cli.inbox:answer", "Answer a question of a run"),
        "delegate": ("remit.cli.away:delegate", "Let somebody else decide what a run asks you"),
        "away": ("remit.cli.away:away", "Let somebody else decide in your place for a time"),
        "remembered": ("remit.cli.remembered:remembered", "What people said yes to for good"),
        "forget": ("remit.cli.remembered:forget", "Ask again about what was remembered"),
        "reviewers": ("remit.cli.reviewers:reviewers", "How people decide: how often yes, and how fast"),
    },
    "Runs": {
        "runs": ("remit.cli.runs:runs", "List runs"),
        "show": ("remit.cli.runs:show", "A run's timeline, costs and verdicts"),
        "watch": ("remit.cli.runs:watch", "Follow a run as it goes"),
        "why": ("remit.cli.runs:why", "What led to one action"),
        "effects": ("remit.cli.effects:effects", "What was done to the world, once, and what is in doubt"),
        "undo": ("remit.cli.effects:undo", "Take an effect back, as its tool declares"),
        "fork": ("remit.cli.steer:fork", "A new run from any event of an old one"),
        "replay": ("remit.cli.replay:replay", "Run it again with another model or policy, without effects"),
        "diff": ("remit.cli.replay:diff", "Compare two runs event by event"),
        "pause": ("remit.cli.steer:pause", "Stop a run at its next event"),
        "cancel": ("remit.cli.steer:cancel", "End a run"),
        "widen": ("remit.cli.steer:widen", "Let a run do more than its goal asked for"),
    },
    "Platform": {
        "agents": ("remit.cli.agents:agents", "The agents at hand; build, publish and go back"),
        "triggers": ("remit.cli.triggers:triggers", "What begins runs without a person at a keyboard"),
        "tools": ("remit.cli.tools:tools", "The tools, with their effects; pin those of MCP servers"),
        "policy": (
            "remit.cli.policy:policy",
            "Test the rules, explain a verdict, try other rules on past runs",
        ),
        "rules": ("remit.cli.rules:rules", "The rules for every agent, and how they came to be"),
        "intents": ("remit.cli.intents:intents", "What people want, from what they write"),
        "match": ("remit.cli.match:match", "Which records of a file are of one person"),
        "models": ("remit.cli.catalog:models", "The models, with their prices"),
        "people": ("remit.cli.people:people", "Who may come, and as what"),
        "sign-in": ("remit.cli.sign_in:sign_in", "The OpenID providers by which people sign in"),
        "workspaces": ("remit.cli.workspaces:workspaces", "Who works apart from whom"),
        "tokens": ("remit.cli.tokens:tokens", "Who may call the API, and for what"),
        "webhooks": ("remit.cli.webhooks:webhooks", "Who is told over HTTP of what happens"),
        "connections": (
            "remit.cli.connections:connections",
            "Outside systems that agents may be connected to",
        ),
        "knowledge": ("remit.cli.knowledge:knowledge", "What agents may look up"),
        "graph": ("remit.cli.graph:graph", "What was heard of people, and who is one person"),
        "segments": ("remit.cli.segments:segments", "People by what is true of them, named and counted"),
        "conversations": (
            "remit.cli.conversations:conversations",
            "Read what is said with people, and talk in an agent's place",
        ),
        "contacts": ("remit.cli.contacts:contacts", "Who is reached, by which rules, and who is left alone"),
        "decisions": (
            "remit.cli.quality:decisions",
            "The next best action: for whom what, and whether it pays",
        ),
        "flows": ("remit.cli.flows:flows", "Ready flows: win back, rescue, route leads"),
        "budgets": ("remit.cli.budgets:budgets", "What the workspace and its agents may spend"),
        "audit": ("remit.cli.audit:audit", "Who changed what, and that nothing of it was changed since"),
        "retention": (
            "remit.cli.retention:retention",
            "How long ended runs are kept, and what is known of people",
        ),
        "keys": ("remit.cli.keys:keys", "Keys of model providers"),
        "secrets": ("remit.cli.secrets:secrets", "What tools need and nobody else sees"),
        "up": ("remit.cli.up:up", "The console in the browser, and a worker"),
        "mcp": ("remit.cli.mcp:mcp", "Agents as tools of an MCP client"),
        "worker": ("remit.cli.serve:worker", "Advance runs until stopped"),
        "retain": ("remit.cli.retain:retain", "Archive old runs, delete very old ones"),
        "doctor": ("remit.cli.serve:doctor", "What is wrong, and how to mend it"),
    },
}
COMMANDS = {name: entry for group in GROUPS.values() for name, entry in group.items()}
HELP = """Usage: remit [--workspace NAME] COMMAND [OPTIONS]

AI agents that act, within their remit.
"""
EXAMPLES = """Examples:
  remit demo                                          the support agent on a shop's mail
  remit run "Sum the amounts in sales.csv" --file sales.csv
  remit inbox && remit approve last                   what waits for you; say yes
  remit why last 3.1                                  what led to that call

Exit codes: 0 done, 3 waiting, 4 not met, 5 refused, 6 cannot verify, 7 busy, 1 error, 2 wrong input.
`remit COMMAND --help` says more. Settings are REMIT_* variables; `remit doctor` shows what holds."""


def main() -> None:
    """The entry point of the `remit` command."""
    if len(sys.argv) > 2 and sys.argv[1] == "--workspace":  # before the command, as all of them have it
        os.environ["REMIT_WORKSPACE"] = sys.argv[2]
        del sys.argv[1:3]
    name, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("--help", [])
    if name in ("help", "--help", "-h") and rest and rest[0] in COMMANDS:
        name, rest = rest[0], ["--help"]
    if name in ("--help", "-h", "help"):
        print(overview())
    elif name in ("--version", "-V"):
        print(f"remit {remit.__version__}")
    elif name in COMMANDS:
        command(name)(args=rest, prog_name=f"remit {name}")
    else:
        print(f"Error: {UnknownName('command', name, COMMANDS)} `remit --help` lists them.", file=sys.stderr)
        sys.exit(2)


def command(name: str) -> typer.Typer:
    """One command as an application of its own: only its module is imported, so that each starts at once. Of a group,
    the module has the application."""
    module, _, function = COMMANDS[name][0].partition(":")
    found = getattr(importlib.import_module(module), function)
    if isinstance(found, typer.Typer):
        return found
    one = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    one.command(name)(found)
    return one


def overview() -> str:
    lines = [HELP]
    for group, commands in GROUPS.items():
        lines.append(f"{group}:")
        lines += [f"  {name:<10} {text}" for name, (_, text) in commands.items()]
        lines.append("")
    return "\n".join([*lines, EXAMPLES])
