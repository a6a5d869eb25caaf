"""From the pinned tools of a connection to tools of an agent: `crm` and `find_customer` become `crm_find_customer`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import mimetypes
import re
from collections.abc import Awaitable, Callable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import jsonschema

from remit.errors import Mend, ToolFault
from remit.tools import folder
from remit.tools.labels import confided, declared
from remit.tools.mcp.definition import Declaration, Definition, Server
from remit.tools.mcp.needs import Needs
from remit.tools.mcp.schema import checkable
from remit.tools.mcp.session import START, Where
from remit.tools.openapi.call import caller
from remit.tools.thread import in_thread
from remit.tools.tool import NOBODY, Json, Reaches, Settle, Tool, ToolContext

if TYPE_CHECKING:
    from mcp_types import CallToolResult

NAME = 64  # characters that models' providers take


def name_of(connection: str, tool: str) -> str:
    """What the tool is called here. Raises ToolFault for one that no model could call."""
    name = f"{connection}_{re.sub(r'[^a-zA-Z0-9_]', '_', tool)}"
    if len(name) > NAME:
        raise ToolFault(
            f"tool {name!r} of connection {connection!r}: its name is longer than {NAME} characters"
        )
    return name


def offer(
    connection: str, pinned: Definition, server: Server, declaration: Declaration | None = None
) -> Tool:
    """The tool as an agent has it. Raises ToolFault where its declaration speaks of what it has not."""
    says = declaration or Declaration()
    name = name_of(connection, pinned.name)
    checked = checkable(pinned.input)
    for argument in (*says.sinks, *([says.key] if says.key else [])):
        if argument not in checked["properties"]:
            known = ", ".join(checked["properties"]) or "none"
            raise ToolFault(f"tool {name!r}: {argument!r} is declared, and no argument (it has: {known})")
    reaches = _reaches(name, says, checked["properties"])
    if pinned.operation is not None and says.key:
        raise ToolFault(f"tool {name!r}: an API is sent the key of a repetition in a header: leave `key` out")
    if pinned.operation is None and (says.settle == "key") != bool(says.key):
        raise ToolFault(f"tool {name!r}: settle: key goes with `key`, the argument that carries it")
    whole, fields = declared(name, says.integrity, lambda: None)
    return Tool(
        name=name,
        description=pinned.description,
        schema=_without(says.key, {**pinned.input, "additionalProperties": False}),
        call=caller(connection, pinned) if pinned.operation else _caller(connection, pinned, server, says),
        effect=says.effect,
        sinks=says.sinks,
        integrity=whole,
        fields=fields,
        confidentiality=confided(name, says.confidentiality, lambda: None),
        clearance=says.clearance,
        settle=Settle(says.settle),
        timeout=says.timeout + START,
        reaches=reaches,
        validate=_validator(name, _without(says.key, checked)),
        definition=pinned.sha256,
    )


def _reaches(name: str, says: Declaration, arguments: Mapping[str, Json]) -> Reaches | None:
    """How its calls reach people, as somebody has declared it; None: nobody has. Raises ToolFault."""
    if says.reaches is None or says.reaches == "nobody":
        return NOBODY if says.reaches else None
    reaches = says.reaches.as_tools_say
    for one in (*reaches.arguments, *([reaches.advertises] if reaches.advertises else [])):
        if one not in arguments or one == says.key:
            known = ", ".join(arguments) or "none"
            raise ToolFault(
                f"tool {name!r}: it reaches whom {one!r} names, which is no argument (it has: {known})"
            )
    if says.effect in ("read", "self"):
        raise ToolFault(f"tool {name!r}: effect {says.effect} reaches nobody: say `effect: egress`")
    return reaches


def where_of(connection: str, context: ToolContext) -> Where:
    given = context.connections.get(connection)
    if given is None:
        raise ToolFault(f"there is no connection {connection!r}")
    allowed = context.resources.get("http_allow", ())
    destinations = re.split(r"[,\s]+", allowed) if isinstance(allowed, str) else allowed
    needs = Needs.model_validate(given["needs"])
    return Where(connection, given["mcp"], given["headers"], given["env"], tuple(destinations), needs)


def _without(argument: str, schema: Mapping[str, Json]) -> dict[str, Json]:
    """The schema without an argument that is none of the model's."""
    if not argument:
        return dict(schema)
    properties = {name: one for name, one in schema.get("properties", {}).items() if name != argument}
    required = [name for name in schema.get("required", ()) if name != argument]
    return {**schema, "properties": properties, "required": required}


def _validator(name: str, schema: Mapping[str, Json]) -> Callable[[Mapping[str, Json]], Mapping[str, Json]]:
    validator = jsonschema.Draft202012Validator(schema)

    def validate(args: Mapping[str, Json]) -> Mapping[str, Json]:
        wrong = islice(validator.iter_errors(args), 5)
        found = [f"- {error.json_path}: {error.message[:200]}" for error in wrong]
        if found:
            takes = ", ".join(schema["properties"]) or "no arguments"
            raise Mend(f"wrong arguments for {name}:\n" + "\n".join(found) + f"\nIt takes: {takes}.")
        return args

    return validate


def _caller(
    connection: str, pinned: Definition, server: Server, says: Declaration
) -> Callable[[ToolContext, Mapping[str, Json]], Awaitable[Json]]:
    async def call(context: ToolContext, args: Mapping[str, Json]) -> Json:
        if context.sessions is None:
            raise ToolFault("tools of an MCP server are called by a run only")
        given = {**args, says.key: context.key} if says.key else args
        where = where_of(connection, context)
        async with context.sessions.use(context.run, where, context.secrets) as session:
            answer = await session.call(pinned, server, given, says.timeout)
        result = await in_thread(lambda: result_of(answer, context))
        if answer.is_error:
            words = result if isinstance(result, str) else str(result)
            raise Mend(words[:4000] or "it failed, and does not say why")
        return result

    return call


def result_of(answer: CallToolResult, context: ToolContext) -> Json:
    """What a server answered as JSON: the structured form where there is one, else its text; files go to the run's folder."""
    if answer.structured_content is not None and not answer.is_error:
        return answer.structured_content
    parts = [_part(one, context) for one in answer.content]
    if all(isinstance(part, str) for part in parts):
        return "\n".join(parts)
    return parts[0] if len(parts) == 1 else parts


def _part(block: Any, context: ToolContext) -> Json:
    match block.type:
        case "text":
            return block.text
        case "image" | "audio":
            return _file(block.data, block.mime_type, context)
        case "resource" if hasattr(block.resource, "text"):
            return {"uri": str(block.resource.uri), "text": block.resource.text}
        case "resource":
            kept = _file(block.resource.blob, block.resource.mime_type or "", context)
            return {"uri": str(block.resource.uri), **kept}
    return {"uri": str(block.uri), "name": block.name}


def _file(data: str, kind: str, context: ToolContext) -> dict[str, Json]:
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ConnectionError("the MCP server sent a file that is not in base64") from error
    raw = context.secrets.hide(raw) if context.secrets else raw
    extension = mimetypes.guess_extension(kind.partition(";")[0].strip()) or ".bin"
    path = f"downloads/{hashlib.sha256(raw).hexdigest()[:12]}{extension}"
    folder.write(context.root, path, raw)
    return {"file": path, "bytes": len(raw), "type": kind[:100]}
