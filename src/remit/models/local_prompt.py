"""What a request looks like to a small model, and the JSON Schema that binds its answer.

Pure functions. The layout keeps everything that does not change over a run in front (instructions, tools, how to
answer), then the turns in order, then what holds for this turn only: a prefix that was evaluated once is reused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from remit.models.model import Json, Message, Request, ToolSpec

FINISH = "finish"
REPORT: Mapping[str, Json] = {
    "type": "object",
    "properties": {"report": {"type": "string", "description": "What was done, or the answer."}},
    "required": ["report"],
}
_SPECIAL = re.compile(r"<\|(\w{1,40})\|>|<(/?tool_(?:call|response))>")
# The answer is spelled like the calls in the prompt, without tokens spent on other blanks.
_SPELLING: Mapping[str, Json] = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
_DEPTH = 8  # of a schema; deeper parts may be anything
_LONGEST = 1000  # characters up to which a string's limit is held; a longer one makes the grammar slow


def prompt(request: Request) -> str:
    """The whole prompt, up to where the assistant speaks."""
    return prefix(request) + tail(request)


def prefix(request: Request) -> str:
    """What stays the same over a run: instructions, tools, how to answer."""
    parts = [request.instructions.strip() or "You are a helpful assistant."]
    if request.tools:
        parts.append(_tools_text(request))
    elif request.schema is not None:
        parts.append(
            "\n".join(
                [
                    "Answer with one JSON object of this shape and nothing else:",
                    _type(request.schema, _definitions(request.schema)),
                    *_notes(request.schema),
                ]
            )
        )
    return _turn("system", "\n\n".join(parts))


def tail(request: Request) -> str:
    """The turns, this turn's limits, and the opening of the answer."""
    turns = [_message(message) for message in request.messages]
    names = allowed(request)
    if request.tools and len(names) < len(request.tools):
        listing = ", ".join([*names, FINISH])
        turns.append(_turn("system", f"Only these tools may be called now: {listing}."))
    return "".join(turns) + "<|im_start|>assistant\n"


def allowed(request: Request) -> list[str]:
    """Names of the tools that may be called now, in the order of the request."""
    return [t.name for t in request.tools if request.allowed is None or t.name in request.allowed]


def answer_schema(request: Request) -> dict[str, Json] | None:
    """The schema that binds the answer; None: free text."""
    if not request.tools:
        return None if request.schema is None else simple(request.schema) | {"x-guidance": _SPELLING}
    names = set(allowed(request))
    variants = [
        _call_schema(t.name, simple(t.schema, as_object=True)) for t in request.tools if t.name in names
    ]
    if not _has_finish(request):
        variants.append(_call_schema(FINISH, simple(_finish_schema(request), as_object=True)))
    return {"anyOf": variants, "x-guidance": _SPELLING}


def simple(schema: Mapping[str, Json], as_object: bool = False) -> dict[str, Json]:
    """A JSON Schema cut down to what the grammar compiler understands, as strict as that allows.

    References are put in place; what has no equivalent (pattern, not, if, …) is left to the tool's own
    validation. `as_object`: the result is an object schema whatever came in.
    """
    made = _simple(schema, _definitions(schema), _DEPTH)
    if as_object and made.get("type") != "object":
        return {"type": "object", "properties": {}, "additionalProperties": False}
    return made


def call_text(name: str, args: Mapping[str, Json]) -> str:
    """How a call stands in the assistant's turns."""
    return json.dumps({"tool": name, "args": dict(args)}, ensure_ascii=False, default=str)


def neutral(text: str) -> str:
    """Text that cannot open or close a turn: the model's control tokens are broken up."""
    return _SPECIAL.sub(lambda found: f"<¦{found[1] or found[2]}¦>", text)


def _turn(role: str, text: str) -> str:
    return f"<|im_start|>{role}\n{neutral(text)}<|im_end|>\n"


def _message(message: Message) -> str:
    if message.role == "user":
        return _turn("user", message.text)
    if message.role == "tool":
        return _turn("user", f"Result of {message.tool or 'the tool'}: {_compact(message.text)}")
    said = [message.text] if message.text else []
    return _turn(
        "assistant", "\n".join([*said, *(call_text(call.name, call.args) for call in message.calls)])
    )


def _compact(text: str) -> str:
    """JSON without its blanks; every token is paid for in time."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return text.strip()


def _tools_text(request: Request) -> str:
    lines = ["# Tools"]
    lines += [signature(tool) for tool in request.tools]
    if not _has_finish(request):
        finish = "Ends the work: everything asked for is done, or cannot be done. Says which."
        lines.append(signature(ToolSpec(FINISH, finish, _finish_schema(request))))
    lines += [
        "",
        "# How to answer",
        'Answer with one JSON object that calls one tool: {"tool": "name", "args": {"argument": value}}.',
        "Take each value exactly as the conversation gives it, in the form its description asks for. "
        "Leave out an optional argument unless the conversation gives a value for it. "
        "The result comes back to you, then call the next tool.",
    ]
    return "\n".join(lines)


def signature(tool: ToolSpec) -> str:
    """A tool as a signature, its description, and a line for each argument that has one."""
    definitions = _definitions(tool.schema)
    required = _names(tool.schema.get("required"))
    arguments = [
        f"{name}{'' if name in required else '?'}: {_type(_resolve(part, definitions), definitions)}"
        for name, part in _properties(tool.schema).items()
    ]
    head = f"- {tool.name}({', '.join(arguments)}): {_line(tool.description)}"
    return "\n".join([head, *_notes(tool.schema)])


def _properties(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _notes(schema: Mapping[str, Json]) -> list[str]:
    """A line for each property that says what it means, or what it is where it is left out."""
    definitions, required, notes = _definitions(schema), _names(schema.get("required")), []
    for name, part in _properties(schema).items():
        part = _resolve(part, definitions)
        note = str(part.get("description") or "").strip()
        if part.get("default") is not None and name not in required:
            note = f"{note} (default {json.dumps(part['default'], ensure_ascii=False, default=str)})".strip()
        if note:
            notes.append(f"    {name}: {_line(note)}")
    return notes


def _type(schema: Mapping[str, Json], definitions: Mapping[str, Json], depth: int = 4) -> str:
    """A schema as a short type, as in `"a" | "b"`, `[str]`, `{name: str, age?: int}`."""
    schema = _resolve(schema, definitions)
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False, default=str)
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return " | ".join(json.dumps(value, ensure_ascii=False, default=str) for value in schema["enum"])
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list) and schema[key] and depth:
            return " | ".join(dict.fromkeys(_type(part, definitions, depth - 1) for part in schema[key]))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(_type({**schema, "type": one}, definitions, depth) for one in kind if one) or "any"
    if kind == "array":
        return f"[{_type(schema.get('items'), definitions, depth - 1) if depth else '…'}]"  # type: ignore[arg-type]
    if kind == "object" and isinstance(schema.get("properties"), Mapping) and depth:
        required = _names(schema.get("required"))
        inner = (
            f"{name}{'' if name in required else '?'}: {_type(part, definitions, depth - 1)}"
            for name, part in schema["properties"].items()
        )
        return "{" + ", ".join(inner) + "}"
    form = schema.get("format")
    short = {"string": "str", "integer": "int", "boolean": "bool"}
    name = short.get(str(kind), str(kind) if kind else "any")
    return f"{name} ({form})" if isinstance(form, str) and kind == "string" else name


def _call_schema(name: str, args: dict[str, Json]) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": {"tool": {"const": name}, "args": args},
        "required": ["tool", "args"],
        "additionalProperties": False,
    }


def _has_finish(request: Request) -> bool:
    return any(tool.name == FINISH for tool in request.tools)


def _finish_schema(request: Request) -> Mapping[str, Json]:
    return request.schema if request.schema is not None else REPORT


def _simple(schema: Any, definitions: Mapping[str, Json], depth: int) -> dict[str, Json]:
    schema = _resolve(schema, definitions)
    if depth <= 0:
        return {}
    if "const" in schema:
        return {"const": schema["const"]}
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return {"enum": list(schema["enum"])}
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list) and schema[key]:
            return {"anyOf": [_simple(part, definitions, depth - 1) for part in schema[key]]}
    kind = schema.get("type")
    if isinstance(kind, list) and kind:
        return {"anyOf": [_simple({**schema, "type": one}, definitions, depth - 1) for one in kind]}
    if kind == "object" or (kind is None and isinstance(schema.get("properties"), Mapping)):
        return _simple_object(schema, definitions, depth)
    if kind == "array":
        return _simple_array(schema, definitions, depth)
    return _simple_scalar(schema, kind)


def _simple_object(
    schema: Mapping[str, Json], definitions: Mapping[str, Json], depth: int
) -> dict[str, Json]:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    extra = schema.get("additionalProperties")
    made: dict[str, Json] = {"type": "object"}
    if properties or not isinstance(extra, Mapping):
        made["properties"] = {str(k): _simple(part, definitions, depth - 1) for k, part in properties.items()}
        made["required"] = [name for name in made["properties"] if name in _names(schema.get("required"))]
        # Without named properties an object whose schema does not close it may hold anything.
        made["additionalProperties"] = not properties and "properties" not in schema and extra is not False
    else:
        made["additionalProperties"] = _simple(extra, definitions, depth - 1)
    return made


def _simple_array(schema: Mapping[str, Json], definitions: Mapping[str, Json], depth: int) -> dict[str, Json]:
    made: dict[str, Json] = {"type": "array", "items": _simple(schema.get("items"), definitions, depth - 1)}
    least, most = schema.get("minItems"), schema.get("maxItems")
    least = least if isinstance(least, int) and 0 < least <= 50 else 0
    if least:
        made["minItems"] = least
    if isinstance(most, int) and least <= most <= 50 and most:  # long repetitions make the grammar slow
        made["maxItems"] = most
    return made


def _simple_scalar(schema: Mapping[str, Json], kind: Any) -> dict[str, Json]:
    if kind not in ("string", "integer", "number", "boolean", "null"):
        return {}
    made: dict[str, Json] = {"type": kind}
    if kind == "string" and schema.get("format") in ("date", "date-time", "uuid"):
        made["format"] = schema["format"]
    longest = _whole(schema.get("maxLength"))
    if kind == "string" and longest is not None and 0 < longest <= _LONGEST:
        made["maxLength"] = longest
    if kind == "integer":
        low, high = _whole(schema.get("minimum")), _whole(schema.get("maximum"))
        if low is not None:
            made["minimum"] = low
        if high is not None and (low is None or low <= high):
            made["maximum"] = high
    return made


def _whole(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31
    return value if whole else None


def _definitions(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    return {
        f"#/{key}/{name}": part
        for key in ("$defs", "definitions")
        if isinstance(schema.get(key), Mapping)
        for name, part in schema[key].items()
    }


def _resolve(schema: Any, definitions: Mapping[str, Json]) -> Mapping[str, Json]:
    """The schema a chain of references ends at; anything else that is no schema may be any value."""
    found: Mapping[str, Json] = schema if isinstance(schema, Mapping) else {}
    for _ in range(_DEPTH):
        whole = found.get("allOf")
        if "$ref" not in found and isinstance(whole, Sequence) and len(whole) == 1:
            found = {**found, **(whole[0] if isinstance(whole[0], Mapping) else {}), "allOf": None}
        if "$ref" not in found:
            return found
        kept = {key: value for key, value in found.items() if key != "$ref"}
        target = definitions.get(str(found["$ref"]))
        found = {**target, **kept} if isinstance(target, Mapping) else kept
    return {}


def _names(required: Any) -> set[str]:
    return {str(name) for name in required} if isinstance(required, Iterable) else set()


def _line(text: str) -> str:
    return " ".join(text.split())
