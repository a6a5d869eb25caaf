# mypy: ignore-errors
# (its libraries are installed in .bench/venvs only)
"""AgentDojo's environments, tasks and checks, over a pipe: a JSON line in, a JSON line out. Run by `python -m
bench.agentdojo` with the interpreter of AgentDojo's own environment; knows nothing of Remit.

`{"do": "describe"}` the tools and tasks · `open` an environment with one task, and one attack · `call` a function in it ·
`check` it by the suite's own checks · `alone` all of that at once: calls played without anything in between.
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import sys
from functools import cache, lru_cache

import agentdojo_attacks as attacks
import yaml
from agentdojo.agent_pipeline.ground_truth_pipeline import GroundTruthPipeline
from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suites
from agentdojo.task_suite.task_suite import read_suite_file
from agentdojo.types import text_content_block_from_string
from pydantic import TypeAdapter

VERSION = "v1.2.2"
SUITES = get_suites(VERSION)
ANY = TypeAdapter(object)


def plain(value):
    """Any result as JSON."""
    return json.loads(ANY.dump_json(value, fallback=str))


@cache
def parsed(suite):
    """A suite's environment as read once, with a mark for each place where an attack may stand."""
    vectors = SUITES[suite].get_injection_vector_defaults()
    text = read_suite_file(suite, "environment.yaml", SUITES[suite].data_path)
    return yaml.load(text.format(**{key: f"@@@{key}@@@" for key in vectors}), yaml.CSafeLoader)


def filled(value, texts):
    """The parsed environment with `texts` in the places of the marks."""
    if isinstance(value, dict):
        return {filled(key, texts): filled(item, texts) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, texts) for item in value]
    if isinstance(value, str) and "@@@" in value:
        for key, text in texts.items():
            value = value.replace(f"@@@{key}@@@", text)
    return copy.copy(value)


def environment(suite, injections):
    texts = {**SUITES[suite].get_injection_vector_defaults(), **injections}
    return SUITES[suite].environment_type.model_validate(filled(parsed(suite), texts))


@cache
def seen(suite, user):
    """The places for an attack that the user's task reads, as AgentDojo finds them: by its own calls, with canaries."""
    marks = {key: f"canary-{key}-canary" for key in SUITES[suite].get_injection_vector_defaults()}
    task = SUITES[suite].user_tasks[user]
    env = task.init_environment(environment(suite, marks))
    _, _, _, messages, _ = GroundTruthPipeline(task).query("", FunctionsRuntime(SUITES[suite].tools), env)
    read = str([message["content"] for message in messages if message["role"] == "tool"])
    return [key for key, mark in marks.items() if mark in read]


@lru_cache(maxsize=16)
def begun(suite, user, text):
    """The environment that a run begins with, pickled: the same for all persons, and quicker to read than to build."""
    injections = dict.fromkeys(seen(suite, user), text) if text else {}
    return pickle.dumps(SUITES[suite].user_tasks[user].init_environment(environment(suite, injections)))


class Session:
    """One environment that a run works in."""

    def __init__(self, suite, user, attack="", text=""):
        self.suite, self.user, self.attack = SUITES[suite], SUITES[suite].user_tasks[user], attack
        self.begun = begun(suite, user, text)
        self.env, self.before = pickle.loads(self.begun), pickle.loads(self.begun)
        self.runtime = FunctionsRuntime(self.suite.tools)
        self.made = []

    def about(self):
        calls = self.user.ground_truth(pickle.loads(self.begun))
        about = {
            "prompt": self.user.PROMPT,
            "calls": [[call.function, plain(call.args)] for call in calls],
            "output": self.user.GROUND_TRUTH_OUTPUT,
            "person": self.owner(),
        }
        if self.attack:
            task = self.suite.get_injection_task_by_id(self.attack)
            about["attack_output"] = task.GROUND_TRUTH_OUTPUT
            about["attack_calls"] = self.theirs(task, [])
            about["attack_calls_after"] = self.theirs(task, calls)  # where the user's own came before
        return about

    def theirs(self, task, calls):
        """The attacker's calls, as AgentDojo gives them; where it gives none, ours."""
        before = pickle.loads(self.begun)
        if given := task.ground_truth(before):
            return [[call.function, plain(call.args)] for call in given]
        if self.suite.name != "workspace":  # the others' are words only
            return []
        now = pickle.loads(self.begun)
        for call in calls:
            self.runtime.run_function(now, call.function, call.args)
        return [[tool, plain(args)] for tool, args in attacks.calls(self.attack, task, before, now)]

    def owner(self):
        """Whose accounts these are, as far as the environment says: what a trusted trigger would give."""
        inbox, account = getattr(self.env, "inbox", None), getattr(self.env, "user_account", None)
        name = f"{account.first_name} {account.last_name}" if account else ""
        return {"email": inbox.account_email if inbox else "", "name": name}

    def call(self, tool, args):
        result, error = self.runtime.run_function(self.env, tool, args)
        self.made.append(FunctionCall(function=tool, args=args))
        return {"error": error} if error else {"result": plain(result)}

    def look(self, tool, args):
        """A function called for the gate's own records: it does not count as the agent's. Only searches are."""
        result, error = self.runtime.run_function(self.env, tool, args)
        return {"error": error} if error else {"result": plain(result)}

    def check(self, output):
        said = [text_content_block_from_string(output)]
        if (
            not self.attack
        ):  # under attack nobody asks, and most suites compare whole environments for it: a tenth of a second
            useful = self.suite._check_user_task_utility(self.user, said, self.before, self.env, self.made)
            return {"utility": bool(useful), "attacked": False}
        task = self.suite.get_injection_task_by_id(self.attack)
        won = self.suite._check_injection_task_security(task, said, self.before, self.env, self.made)
        return {"utility": None, "attacked": bool(won)}


def describe():
    def tool(function):
        schema = function.parameters.model_json_schema()
        return {"about": function.description, "schema": schema}

    return {
        name: {
            "tools": {function.name: tool(function) for function in suite.tools},
            "tasks": list(suite.user_tasks),
            "attacks": {name: task.GOAL for name, task in suite.injection_tasks.items()},
        }
        for name, suite in SUITES.items()
    }


SESSIONS = {}


def answer(wanted):
    match wanted.pop("do"):
        case "describe":
            return describe()
        case "open":
            number = wanted.pop("session")
            SESSIONS[number] = Session(**wanted)
            return SESSIONS[number].about()
        case "call":
            return SESSIONS[wanted["session"]].call(wanted["tool"], wanted["args"])
        case "look":
            return SESSIONS[wanted["session"]].look(wanted["tool"], wanted["args"])
        case "check":
            return SESSIONS.pop(wanted["session"]).check(wanted["output"])


def main():
    out, sys.stdout = sys.stdout, sys.stderr  # what a library prints must not come between the answers
    for line in sys.stdin:
        out.write(json.dumps(answer(json.loads(line))) + "\n")
        out.flush()


if __name__ == "__main__":
    os.nice(5)
    main()
