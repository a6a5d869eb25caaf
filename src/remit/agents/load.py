"""Read an agent from YAML. Whatever is wrong is said with the file, the line and the nearest right name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from remit.agents.lock import with_locks
from remit.agents.spec import Agent, Airlock, Budget, Check, Connection, Limits, RemitSpec, Rule, ToolLimit
from remit.agents.triggers import Trigger
from remit.agents.yaml import line_of, plain, read, read_file, written
from remit.channels.line import Line
from remit.channels.mailbox import Mailbox
from remit.errors import SpecError, UserError
from remit.tools.secrets import references

Json = Any
MODELS: dict[str, type[BaseModel]] = {
    "": Agent,
    "remit": RemitSpec,
    "remit.budget": Budget,
    "rules": Rule,
    "limits": Limits,
    "limits.tools.*": ToolLimit,
    "checks": Check,
    "connections.*": Connection,
    "connections.*.mail": Mailbox,
    "connections.*.twilio": Line,
    "airlock": Airlock,
    "triggers": Trigger,
}
# Names of headers and variables whose values are secrets
SECRET = re.compile(r"(?i)auth|cookie|token|secret|passw|credential|(^|[-_])(api)?[-_]?key($|[-_])")


def load_agent(path: Path, find: Callable[[str], Agent] | None = None) -> Agent:
    """The agent in a YAML file; `find` gives the agents that its team names. Raises SpecError with path and line;
    UserError where there is no such file."""
    try:
        return _made(read_file(path), str(path), find, path)
    except FileNotFoundError as error:
        raise UserError(f"there is no agent file {path}") from error


def parse_agent(text: str, path: str = "agent", find: Callable[[str], Agent] | None = None) -> Agent:
    """As load_agent, from the text."""
    return _made(read(text, path), path, find)


def parse_rules(text: str, path: str = "rules") -> tuple[Rule, ...]:
    """The `rules:` of a YAML text, which may be an agent's. Raises SpecError with the line."""
    if not re.search(r"^name:", text, re.MULTILINE):
        text += "\nname: rules\n"  # at the end, so that the lines of mistakes are right
    found = parse_agent(text, path).rules
    if not found:
        raise SpecError("has no `rules:`; write them as in an agent file", path)
    return found


def rules_text(rules: Sequence[Rule]) -> str:
    """Rules as an agent's file has them, for `parse_rules`."""
    return written(
        {"rules": [rule.model_dump(mode="json", by_alias=True, exclude_defaults=True) for rule in rules]}
    )


def wrong(error: ValidationError, data: Json, path: str, models: Mapping[str, type[BaseModel]]) -> SpecError:
    """The first thing that is wrong, with its line. `models`: by where each stands, with the whole under the empty name."""
    first = error.errors()[0]
    loc = tuple(part for part in first["loc"] if part != "function-after")
    return SpecError(_say(first["type"], first["msg"], loc, models), path, line_of(data, loc))


def _made(data: Json, path: str, find: Callable[[str], Agent] | None, file: Path | None = None) -> Agent:
    if not isinstance(data, dict):
        raise SpecError("an agent is a mapping: name, instructions, tools, …", path, 1)
    try:
        whole = with_locks(plain(data), file) if file else plain(data)
        agent = Agent.model_validate(with_team(whole, path, find))
    except ValidationError as error:
        raise wrong(error, data, path, MODELS) from error
    for loc, what, name in literals(agent):
        instead = f"keep it with `remit secrets set {name}` and write secret:{name}"
        raise SpecError(
            f"{'.'.join(loc)}: {what}, which each run's journal would keep: {instead}",
            path,
            line_of(data, loc),
        )
    return agent


def literals(agent: Agent) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Secrets that stand in the spec itself: where, what it is, and a name for it."""
    for name, url in agent.resources.items():
        if re.search(r"://[^/?#@\s:]*:[^/?#@\s]+@", url):
            yield ("resources", name), "an address with a password", name.upper()
    for name, one in agent.connections.items():
        for part, given in (("headers", one.headers), ("env", one.env)):
            for key, value in given.items():
                if SECRET.search(key) and not references(value):
                    yield ("connections", name, part, key), "looks like a secret", f"{name.upper()}_KEY"
        if one.mail and one.mail.password and not references(one.mail.password):
            yield ("connections", name, "mail", "password"), "looks like a secret", f"{name.upper()}_PASSWORD"
        if one.twilio and one.twilio.token and not references(one.twilio.token):
            yield ("connections", name, "twilio", "token"), "looks like a secret", f"{name.upper()}_TOKEN"
        if one.signing and not references(one.signing):
            yield ("connections", name, "signing"), "looks like a secret", f"{name.upper()}_SIGNING"


def with_team(data: dict[str, Json], path: str, find: Callable[[str], Agent] | None) -> dict[str, Json]:
    """The spec with the team's members in place of their names; a file is found from where this one is."""
    team = data.get("team")
    if not isinstance(team, list) or find is None:
        return data
    here = Path(path).parent

    def member(one: Json) -> Json:
        if not isinstance(one, str):
            return one
        found = find(str(here / one) if one.endswith((".yaml", ".yml")) else one)
        return found.model_dump(mode="json", by_alias=True, exclude_defaults=True)

    return {**data, "team": [member(one) for one in team]}


def _say(kind: str, message: str, loc: tuple[int | str, ...], models: Mapping[str, type[BaseModel]]) -> str:
    where = ".".join(str(part) for part in loc)
    if kind != "extra_forbidden":
        return f"{where}: {message}"
    parent = ".".join(str(part) for part in loc[:-1] if not isinstance(part, int))
    model = models.get(parent) or models.get(f"{parent.rpartition('.')[0]}.*", models[""])
    known = [field.alias or name for name, field in model.model_fields.items()]
    near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
    return f"unknown key {where!r}; {hint}"
