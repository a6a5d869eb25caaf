"""Whom the tools of other people's systems reach: as somebody has declared it, as it looks where nobody has, and as it is said in a
browser.

A tool that notifies by a number of a customer names no address: consent, caps and quiet hours hold of it once its declaration says whom
(docs/contact.md). Where a person reads what a server offers, they see this and say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

from pydantic import ValidationError

from remit.errors import ToolFault, UserError
from remit.graph.identifiers import GIVEN
from remit.tools.mcp.definition import Declaration, Definition, Reached, Server
from remit.tools.mcp.offer import offer
from remit.tools.tool import Effect, Reaches, Tool
from remit.tools.unsaid import silent

NOBODY, AS_IT_IS, WHOM = (
    "nobody",
    "as it is",
    "whom:",
)  # what a form says: nobody, what is declared, or an argument
CHANNELS = ("email", "sms", "whatsapp", "phone", "letter", "push")
KINDS = ("email", "phone", *GIVEN)
PURPOSES = ("service", "marketing")
ADDRESSES = frozenset(["string", "integer", "array"])  # types of arguments that can say whom


@dataclass(frozen=True, slots=True)
class Reaching:
    """Of one tool, for the page and its form."""

    effect: Effect
    words: str  # whom it reaches; empty: nobody has said
    looks: str  # why it looks as if it reached people, where nobody has said, or why the declaration does not fit
    choice: str  # the form's value that stands for what is declared
    arguments: tuple[str, ...]  # those that can say whom
    said: Reached  # what the form begins from


def effect_of(tool: Definition, says: Declaration | None) -> Effect:
    """As it is declared, and where it is not what a form begins from: a request that only gets looks."""
    if says is not None:
        return says.effect
    return "egress" if _gets(tool) else "destroy"


def reaching(connection: str, tool: Definition, server: Server, says: Declaration | None) -> Reaching:
    """What a page shows of a tool that is offered or pinned."""
    effect, declared = effect_of(tool, says), says.reaches if says else None
    said = declared if isinstance(declared, Reached) else Reached(whom="")
    plain = isinstance(said.whom, str) and not said.advertises
    choice = AS_IT_IS if not plain else f"{WHOM}{said.whom}" if said.whom else declared or ""
    arguments = tuple(name for name, schema in tool.input.get("properties", {}).items() if _may_name(schema))
    try:
        made = offer(connection, tool, server, (says or Declaration()).model_copy(update={"effect": effect}))
    except (ToolFault, UserError) as error:
        return Reaching(effect, "", str(error), str(choice), arguments, said)
    looks = "" if _gets(tool) else _looks(silent(made))
    return Reaching(effect, _words(made), looks, str(choice), arguments, said)


def as_said(reach: Reaching, tool: str, given: Mapping[str, str]) -> Reaching:
    """The same with what a form says, where it could not be kept."""
    effect, choice = given.get(f"effect:{tool}", ""), given.get(f"reach:{tool}", reach.choice)
    said = {
        part: given[f"{part}:{tool}"] for part in ("channel", "kind", "purpose") if f"{part}:{tool}" in given
    }
    return replace(
        reach,
        effect=cast("Effect", effect) if effect in get_args(Effect) else reach.effect,
        choice=choice,
        said=reach.said.model_copy(update=said),
    )


def told(tool: Definition, given: Mapping[str, str], says: Declaration) -> Reached | Literal["nobody"] | None:
    """What a form says of a tool: `reach:NAME`, and with an argument `channel:`, `kind:` and `purpose:`. `says`: all else that is
    declared of it. Raises UserError."""
    choice = given.get(f"reach:{tool.name}", AS_IT_IS)
    if choice == AS_IT_IS:
        found = says.reaches
    elif choice.startswith(WHOM):
        found = _reached(tool, choice.removeprefix(WHOM), given)
    else:
        found = "nobody" if choice == NOBODY else None
    if isinstance(found, Reached) and says.effect == "read":
        raise UserError(
            f"{tool.name}: what only looks at a system of ours reaches nobody; say what else it does"
        )
    return found


def _reached(tool: Definition, whom: str, given: Mapping[str, str]) -> Reached:
    if whom not in tool.input.get("properties", {}):
        raise UserError(f"{tool.name}: it has no argument {whom!r} that could say whom it reaches")
    fields = {part: given.get(f"{part}:{tool.name}", "").strip() for part in ("channel", "kind", "purpose")}
    try:
        return Reached(whom=whom, **fields)
    except ValidationError as error:
        part = str(error.errors()[0]["loc"][0])
        says = {
            "channel": "by which channel, as sms",
            "kind": "which number of theirs, in small letters, as customer",
        }
        raise UserError(f"{tool.name}: say {says.get(part, 'what for, as service')}") from error


def _gets(tool: Definition) -> bool:
    """Whether it is a request that by its method changes nothing."""
    return tool.operation is not None and tool.operation.method in ("GET", "HEAD")


def _may_name(schema: Any) -> bool:
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    return kind is None or bool(ADDRESSES & set([kind] if isinstance(kind, str) else kind))


def _looks(arguments: list[str] | None) -> str:
    if arguments is None:
        return ""
    by = f" ({', '.join(arguments)})" if arguments else ""
    return f"It looks as if it reached people{by}, and nobody has said whom: no consent, cap or quiet hour is asked for"


def _words(tool: Tool) -> str:
    if tool.reaches is not None and not tool.reaching:
        return "reaches nobody"
    return "; ".join(map(_one, tool.reaching))


def _one(reaches: Reaches) -> str:
    named = " and ".join(reaches.arguments)
    own = "" if reaches.identifiers in ("email", "phone") else f", a number of {reaches.identifiers}"
    ad = f", marketing where {reaches.advertises} is true" if reaches.advertises else ""
    return f"reaches whom {named} names{own}, by {reaches.channel}, for {reaches.purpose}{ad}"
