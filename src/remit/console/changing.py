"""The form by which a person changes a call: a field for each argument, by what its tool takes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.datastructures import FormData

from remit.errors import ToolFault, UserError
from remit.gate.unseen import shown
from remit.journal.events import Json
from remit.journal.refs import given
from remit.journal.state import CallState, State
from remit.outfit import agent_of, outfit
from remit.tools.schema import Kind, taken, typed
from remit.tools.tool import Tool

ARGUMENT = "arg:"  # before the name of an argument, as the name of its field
LINE = 60  # characters of a text that is edited in one line


@dataclass(frozen=True, slots=True)
class Field:
    """One argument. `text`: what stands in its field; `was`: what the page had there."""

    name: str
    kind: Kind
    text: str
    was: str
    choices: tuple[str, ...] = ()
    required: bool = False
    given: bool = True
    about: str = ""
    wrong: str = ""

    @property
    def prose(self) -> bool:
        return self.kind == "json" or len(self.text) > LINE or "\n" in self.text

    @property
    def rows(self) -> int:
        return min(max(2, len(self.text) // LINE + self.text.count("\n") + 1), 14)

    @property
    def changed(self) -> bool:
        return self.text != self.was


def fields(
    state: State,
    call: CallState,
    sent: Mapping[str, str] | None = None,
    wrong: Mapping[str, str] | None = None,
) -> list[Field]:
    """A field for each argument of a call; none where its tool is gone. `sent`: what was typed before."""
    tool = _tool(state, call)
    if tool is None:
        return []
    now, sent, wrong = given(state, call), sent or {}, wrong or {}
    found = []
    for name in dict.fromkeys((*tool.schema.get("properties", {}), *now)):
        if shown(name) != name:
            continue  # no name that a field could have
        takes = taken(tool.schema, name)
        was = written(now[name]) if name in now else ""
        choices = tuple(map(written, takes.choices)) if takes.kind == "choice" else ("true", "false")
        kept = (takes.required, name in now, takes.about, wrong.get(name, ""))
        found.append(Field(name, takes.kind, sent.get(name, was), was, choices, *kept))
    return found


def sent(form: FormData) -> dict[str, str]:
    """What was typed, with line breaks as they were shown."""
    return {
        name.removeprefix(ARGUMENT): _broken(str(text))
        for name, text in form.items()
        if name.startswith(ARGUMENT)
    }


def changes(state: State, call: CallState, sent: Mapping[str, str]) -> dict[str, Json]:
    """The arguments whose fields say something else than the page had there. Raises UserError."""
    tool = _tool(state, call)
    if tool is None:
        raise UserError(f"the tool {call.call.tool} is no longer there")
    was = {one.name: _broken(one.was) for one in fields(state, call)}
    return {name: typed(tool.schema, name, text) for name, text in sent.items() if text != was.get(name, "")}


def written(value: Json) -> str:
    """A value as its field has it: what is unseen in it is spelled out, so that nobody passes on what they do not see."""
    return shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def _broken(text: str) -> str:
    """A browser sends each line break as two characters."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _tool(state: State, call: CallState) -> Tool | None:
    """Whatever is wrong with the agent by now, its page is still shown."""
    if state.started is None:
        return None
    try:
        return outfit(agent_of(state.started)).tools.get(call.call.tool)
    except (UserError, ToolFault):
        return None
