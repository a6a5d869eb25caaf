"""Whether an agent can be used as it is written: all that is wrong with it, each with where it stands. The same checks as a
file passes, and those that `remit policy test` makes of its rules."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from pydantic import ValidationError

from remit.agents.load import literals, with_team
from remit.agents.spec import Agent
from remit.catalogue.offered import Wrong
from remit.catalogue.text import data_of
from remit.errors import SpecError, ToolFault, UnknownName, UserError
from remit.gate.policy import check
from remit.models.registry import split_names
from remit.outfit import outfit, require_forms
from remit.triggers.condition import compile_condition

MOST = 20
Limits = Callable[[Agent], Iterable[Wrong]]


def examine(
    text: str,
    name: str,
    find: Callable[[str], Agent],
    within: Limits = lambda agent: (),
    connect: Callable[[Agent], Agent] = lambda agent: agent,
) -> tuple[Agent | None, list[Wrong]]:
    """The agent that a text describes, and what keeps it from being used; nothing: it can be. `find` gives the members of its
    team, `within` says what whoever wrote it may not name, `connect` puts the workspace's connections in. No code that it names
    is loaded before `within` has looked."""
    try:
        data = dict(data_of(text))
        agent = Agent.model_validate(with_team(data, "", find))
    except ValidationError as error:
        return None, [Wrong(_where(one["loc"]), _plain(one["msg"])) for one in error.errors()[:MOST]]
    except SpecError as error:
        line = f"line {error.line}: " if error.line else ""
        words = str(error).removeprefix(f"{error.path}:{error.line}: ") if error.line else str(error)
        return None, [Wrong(("team",) if words.startswith("team") else (), f"{line}{words}")]
    except UnknownName as error:
        return None, [Wrong(("team",), str(error))]
    if agent.name != name:
        return None, [Wrong(("name",), f"is {agent.name!r}, and this is the agent {name!r}: a name stays")]
    wrong = [
        Wrong(loc, f"{what}: keep it with `remit secrets set {key}` and write secret:{key}")
        for loc, what, key in literals(agent)
    ]
    wrong += within(agent)
    return (agent, wrong) if wrong else (agent, list(_used(agent, connect)))


def _used(agent: Agent, connect: Callable[[Agent], Agent]) -> Iterator[Wrong]:
    """What is wrong once its names are looked up."""
    try:
        split_names(agent.model)
        connected = connect(agent)
        made = outfit(connected)
        check(made.rules, made.tools)
        require_forms(connected)
        for place, trigger in enumerate(agent.triggers):
            yield from _conditioned(place, trigger.when)
    except UnknownName as error:
        yield Wrong(_place(agent, str(error)), str(error))
    except (UserError, ToolFault) as error:
        words = str(error)
        yield Wrong(_place(agent, words), re.sub(r"^(agent [a-z0-9_-]+: )?(rule \d+ \(.*?\): )?", "", words))


def _conditioned(place: int, when: str) -> Iterator[Wrong]:
    try:
        if when:
            compile_condition(when)
    except UserError as error:
        yield Wrong(("triggers", place, "when"), str(error))


def _place(agent: Agent, words: str) -> tuple[str | int, ...]:
    """Where in the spec an error is about, by its words."""
    words = words.removeprefix(f"agent {agent.name}: ")
    if found := re.match(r"rule (\d+) ", words):
        return "rules", int(found[1]) - 1
    for start in ("limits.tools", "airlock.forms", "connections", "tools", "model", "team"):
        if words.startswith(start):
            return tuple(start.split("."))
    return ()


def _where(loc: Iterable[int | str]) -> tuple[str | int, ...]:
    return tuple(part for part in loc if not (isinstance(part, str) and part.startswith("function-")))


def _plain(message: str) -> str:
    """Without what pydantic puts before its messages."""
    return message.removeprefix("Value error, ").replace("Input should be", "should be")
