"""What holds for every agent of a workspace: rules that only narrow, and the groups of people who are asked. People save them
in the database (`remit/rulebook.py`); a file, `rules.yaml` beside the data or where `REMIT_RULES` says, holds beside that."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from pydantic import BaseModel, Field, ValidationError

from remit.agents.load import wrong
from remit.agents.spec import DAYS, Agent, Narrowing, Part, QuietHours, Reviewer, Rule
from remit.agents.yaml import Json, plain, read, read_file
from remit.errors import SpecError, UserError
from remit.gate.approval import unknown_groups
from remit.gate.condition import constant, names
from remit.gate.proposal import Terms
from remit.gate.quiet import Quiet
from remit.gate.rules import Rule as Compilable
from remit.gate.rules import compile_rules
from remit.gate.standing import EVERYBODY, GROUP, Hours, Limit
from remit.settings import Settings
from remit.store.guest import DEFAULT

FILE = "rules.yaml"
SAVED = "the rules for every agent"


class Written(Part):
    """The file as it is written."""

    rules: Narrowing = ()
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    reviewers: tuple[Reviewer, ...] = ()


MODELS: Mapping[str, type[BaseModel]] = {
    "": Written,
    "rules": Rule,
    "reviewers": Reviewer,
    "reviewers.quiet": QuietHours,
}


@dataclass(frozen=True, slots=True)
class Workspace:
    """What holds now, for all agents."""

    path: Path | None = None  # the file; None: there is none
    name: str = "REMIT_GROUPS"  # what says so where no file does
    rules: tuple[Rule, ...] = ()
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reviewers: tuple[Reviewer, ...] = ()
    parts: tuple[Workspace, ...] = ()  # of which this one is made

    def over(self, agent: Agent) -> Agent:
        """The agent with these rules beside those that it has of the workspace already: none is ever taken away."""
        if new := self.missing(agent):
            return agent.model_copy(update={"workspace": (*agent.workspace, *new)})
        return agent

    def missing(self, agent: Agent) -> tuple[Rule, ...]:
        """The rules that the agent does not have yet."""
        return tuple(rule for rule in self.rules if rule not in agent.workspace)

    def place(self, rule: str) -> str:
        """Where a rule stands, by its name; empty for one that does not hold (any more)."""
        for part in self.parts or (self,):
            for number, one in enumerate(part.rules, 1):
                if compilable(one).name == rule:
                    return f"{part.where}, rule {number}"
        return ""

    @property
    def where(self) -> str:
        """Where these stand."""
        return str(self.path or self.name)


NONE = Workspace()
_LOADED: dict[
    Path, tuple[tuple[int, int, int], Workspace]
] = {}  # by the file's stamp: read once in a process


@cache
def _place(rules: Path | None, folder: Path, workspace: str) -> Path:
    return rules or (folder if workspace == DEFAULT else folder / "workspaces" / workspace) / FILE


def workspace_of(settings: Settings) -> Workspace:
    """What holds now. A file that is there and cannot be used raises SpecError: nothing may happen by half of the rules. So
    does one that the settings name and that is not there, as a UserError."""
    path = place_of(settings)
    try:
        found = os.stat(
            path
        )  # each time: it costs two microseconds, and a rule holds from when it is written
    except FileNotFoundError:
        if settings.rules is not None:
            raise UserError(f"REMIT_RULES: there is no file {path}") from None
        return Workspace(groups=settings.groups) if settings.groups else NONE
    except OSError as error:
        raise SpecError(f"cannot be read: {error}", str(path)) from error
    stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
    if path not in _LOADED or _LOADED[path][0] != stamp:
        _LOADED[path] = (stamp, load_workspace(path))
    return _with_groups(_LOADED[path][1], settings.groups) if settings.groups else _LOADED[path][1]


def load_workspace(path: Path) -> Workspace:
    """Raises SpecError with path and line for what cannot be meant, UserError where there is no such file."""
    try:
        return _made(read_file(path), path)
    except FileNotFoundError as error:
        raise UserError(f"there is no file {path}") from error


def read_workspace(text: str, name: str = "this text") -> Workspace:
    """What a text says that people save; an empty one says nothing. Raises SpecError with the line."""
    data = read(text, SAVED)
    found = Workspace() if data is None else _made(data, Path(SAVED))
    return replace(found, path=None, name=name)


def together(one: Workspace, other: Workspace) -> Workspace:
    """Both hold. Raises UserError for a group that they do not agree on."""
    if other in (NONE, one) or not (other.rules or other.groups or other.reviewers):
        return one
    for name in sorted(set(one.groups) & set(other.groups)):
        if set(one.groups[name]) != set(other.groups[name]):
            raise UserError(
                f"the group {name!r} has others in it by {one.where} than by {other.where}; leave one of the two out"
            )
    rules = (*one.rules, *(rule for rule in other.rules if rule not in one.rules))
    reviewers = (*one.reviewers, *(who for who in other.reviewers if who not in one.reviewers))
    groups = {**one.groups, **other.groups}
    return Workspace(one.path, other.name, rules, groups, reviewers, (one, other))


def place_of(settings: Settings) -> Path:
    """Where the file stands, or would."""
    return _place(settings.rules, settings.data_dir, settings.workspace)


def _made(data: Json, path: Path) -> Workspace:
    if not isinstance(data, dict):
        raise SpecError(
            "what holds for every agent is a mapping: `rules:`, and perhaps `groups:` and `reviewers:`",
            str(path),
            1,
        )
    try:
        written = Written.model_validate(plain(data))
    except ValidationError as error:
        raise wrong(error, data, str(path), MODELS) from error
    for number, rule in enumerate(written.rules):
        try:
            check_rule(compilable(rule))
        except SpecError as error:
            line = data["rules"].lc.item(number)[0] + 1
            raise SpecError(
                f"rule {number + 1} ({compilable(rule).name}): {error}", str(path), line
            ) from error
    for number, one in enumerate(written.reviewers):
        try:
            check_rule(Compilable(one.tools, "allow", one.may))
        except SpecError as error:
            line = data["reviewers"].lc.item(number)[0] + 1
            raise SpecError(
                f"reviewer {number + 1} ({', '.join(one.who)}): may: {error}", str(path), line
            ) from error
    return Workspace(path, "", written.rules, written.groups, written.reviewers)


def limits(workspace: Workspace) -> tuple[Limit, ...]:
    """How far each person's yes goes."""
    found = []
    for one in workspace.reviewers:
        rule = Compilable(one.tools, "allow", one.may)
        may = compile_rules([rule], check_rule(rule)).compiled[0] if one.may != "true" else None
        if may is None and one.tools == ("*",):
            continue  # it says how they are asked, and nothing about how far their yes goes
        found += [Limit(who, named, one.tools, may) for who, named in _named(one, workspace)]
    return tuple(found)


def hours(workspace: Workspace) -> tuple[Hours, ...]:
    """When people are not asked."""
    found = []
    for one in workspace.reviewers:
        if one.quiet is None:
            continue
        days = frozenset(DAYS.index(day) for day in one.quiet.days)
        quiet = Quiet(one.quiet.zone, one.quiet.start, one.quiet.end, days)
        found += [Hours(who, named, quiet) for who, named in _named(one, workspace)]
    return tuple(found)


def _named(one: Reviewer, workspace: Workspace) -> Iterator[tuple[tuple[str, ...], bool]]:
    """The people of an entry: those named themselves, and those of groups or all."""
    groups = [name for name in one.who if name.startswith(GROUP)]
    own = tuple(name for name in one.who if name not in groups and name != EVERYBODY)
    members = tuple(who for name in groups for who in workspace.groups.get(name.removeprefix(GROUP), ()))
    shared = (*members, *((EVERYBODY,) if EVERYBODY in one.who else ()))
    yield from ((who, named) for who, named in ((own, True), (shared, False)) if who)


def is_workspace(path: Path) -> bool:
    """Whether a file holds rules for a workspace, and no agent: an agent has a name."""
    try:
        data = read_file(path)
    except (FileNotFoundError, SpecError):
        return False
    return isinstance(data, dict) and "name" not in data and bool(set(Written.model_fields) & set(data))


def check_rule(rule: Compilable) -> frozenset[str]:
    """The records that its condition asks about, whoever offers them: the tools are other agents' too, and not known here.
    Raises SpecError for what can be meant nowhere."""
    records: frozenset[str] = frozenset()
    while True:
        try:
            (compiled,) = compile_rules([replace(rule, tools=("*",))], records).compiled
        except SpecError as error:
            missing = str(error).partition("' does not exist; a condition may use")[0].rpartition("'")[2]
            if "does not exist; a condition may use" not in str(error) or missing in records:
                raise SpecError(str(error).partition("): ")[2] or str(error)) from error
            records |= {missing}
        else:
            break
    if compiled.tree is not None and constant(compiled.tree) is False:
        raise SpecError("the condition can never hold; leave the rule out, or correct it")
    return frozenset(records & names(compiled.tree)) if compiled.tree is not None else records


def compilable(spec: Rule) -> Compilable:
    """A rule as the gate has it."""
    tools = (spec.tool,) if isinstance(spec.tool, str) else spec.tool
    if spec.allow is not None:
        return Compilable(tools, "allow", spec.allow, spec.because)
    if spec.ask is not None:
        return Compilable(tools, "ask", spec.ask, spec.because, _terms(spec))
    return Compilable(tools, "deny", spec.deny or "true", spec.because)


def _terms(spec: Rule) -> Terms | None:
    late = spec.escalate
    after, to = (late.after, late.to) if late else (None, ())
    terms = Terms(spec.by, spec.persons, spec.expires, after, to, spec.urgent)
    return None if terms == Terms() else terms


def require_people(rules: Sequence[Rule], groups: Mapping[str, Sequence[str]], whose: str) -> None:
    """Raises UserError for a group that may say yes and that has nobody in it."""
    for rule in rules:
        names = (*rule.by, *(rule.escalate.to if rule.escalate else ()))
        for name in unknown_groups(names, groups):
            known = ", ".join(groups) or "none"
            raise UserError(
                f"{whose}: nobody is in {name}, who would be asked; the groups are {known}. Set it by `groups:` in "
                f'{FILE} or by REMIT_GROUPS, as {{"{name.removeprefix(GROUP)}": ["ann", …]}}'
            )


def _with_groups(one: Workspace, groups: Mapping[str, Sequence[str]]) -> Workspace:
    if twice := sorted(set(groups) & set(one.groups)):
        raise UserError(
            f"the group {twice[0]!r} is both in {one.path} and in REMIT_GROUPS; leave one of the two out"
        )
    return replace(one, groups={**groups, **one.groups})
