"""`@tool`: from a function and its declaration to a Tool.

The schema comes from the type hints, the words from the docstring (Google style, `Args:`). Whatever the
developer got wrong is a ToolFault when the module is imported, not when a model first calls it.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, get_args, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError

from remit.errors import ToolFault
from remit.rate import Limit
from remit.tools.labels import confided, declared
from remit.tools.mend import wrong_arguments
from remit.tools.thread import in_thread
from remit.tools.tool import Clearance, Effect, Integrity, Json, Reaches, Settle, Tool, ToolContext

Record = Callable[..., Any]
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]{0,63}")
_SECTION = re.compile(r"(Args|Arguments|Parameters|Returns|Return|Raises|Yields|Examples?|Notes?):\s*$")
_PREFIX = "arg_"  # so that an argument may be called `schema` or `copy` without hiding pydantic's own


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...


@overload
def tool(
    *,
    effect: Effect = "destroy",
    sinks: Mapping[str, str] | None = None,
    integrity: Integrity | Mapping[str, Integrity] = "untrusted",
    confidentiality: str | Mapping[str, str] | None = None,
    clearance: Clearance = "workspace",
    settle: Settle | Literal["key", "ask", "repeat"] | None = None,
    records: Mapping[str, Record] | None = None,
    undo: Record | None = None,
    timeout: float = 30.0,
    limit: Limit | None = None,
    reaches: Reaches | None = None,
    name: str | None = None,
) -> Callable[[Callable[..., Any]], Tool]: ...


def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    effect: Effect = "destroy",
    sinks: Mapping[str, str] | None = None,
    integrity: Integrity | Mapping[str, Integrity] = "untrusted",
    confidentiality: str | Mapping[str, str] | None = None,
    clearance: Clearance = "workspace",
    settle: Settle | Literal["key", "ask", "repeat"] | None = None,
    records: Mapping[str, Record] | None = None,
    undo: Record | None = None,
    timeout: float = 30.0,
    limit: Limit | None = None,
    reaches: Reaches | None = None,
    name: str | None = None,
) -> Tool | Callable[[Callable[..., Any]], Tool]:
    """Make a Tool of an async or sync function (a sync one runs in a thread of its own).

    Undeclared means the worst: effect `destroy`, result `untrusted`, in doubt after a crash ask a person.
    `integrity`: who vouches for the result, or for each field of it, as `{"*": "system", "messages[].body": "untrusted"}`.
    `confidentiality`: who may have it, in the same way: public, workspace, secret, `own`, or `person:owner`, which names the
    field that says whose it is. `clearance`: the most confidential that may go to wherever its calls go.
    A first parameter annotated ToolContext receives the run's context and is not part of the schema.
    `undo`: async (context, arguments, result) -> what it came to; takes the effect back. `timeout` in seconds.
    `limit`: how often all agents together may call it; a call beyond waits its turn, and holds nothing.
    `reaches`: how its calls reach people. Undeclared, one that sends reaches whoever has an address that stands in a sink; NOBODY says that
    it does not.
    Raises ToolFault where the declaration cannot be right.
    """

    def make(function: Callable[..., Any]) -> Tool:
        title = name if name is not None else getattr(function, "__name__", "")
        parameters, wants_context, hints = _signature(title, function)
        about, notes = _docstring(title, inspect.getdoc(function) or "", parameters)
        model = _model(title, parameters, hints, notes)
        whole, fields = declared(title, integrity, function)
        made = Tool(
            name=title,
            description=about or title.replace("_", " "),
            schema=_schema(title, model),
            call=_caller(function, model, wants_context),
            effect=effect,
            sinks=dict(sinks or {}),
            integrity=whole,
            fields=fields,
            confidentiality=confided(title, confidentiality, function),
            clearance=clearance,
            settle=Settle(settle) if isinstance(settle, str) else settle or Settle(),
            records=dict(records or {}),
            undo=undo,
            timeout=float(timeout),
            limit=limit,
            reaches=reaches,
            validate=_validator(title, model),
        )
        _check(made, function, parameters)
        return made

    return make(function) if function is not None else make


def _signature(
    title: str, function: Callable[..., Any]
) -> tuple[dict[str, inspect.Parameter], bool, dict[str, Any]]:
    """The arguments a model may give, whether the function wants the context, and the hints."""
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise ToolFault(f"tool {title!r}: a type hint cannot be resolved: {error}") from error
    parameters = dict(inspect.signature(function).parameters)
    first = next(iter(parameters), None)
    wants_context = first is not None and hints.get(first) is ToolContext
    if wants_context and first is not None:
        del parameters[first]
    for parameter in parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ToolFault(f"tool {title!r}: {parameter} has no name that a model could use")
        if parameter.name not in hints:
            raise ToolFault(f"tool {title!r}: argument {parameter.name!r} has no type annotation")
        if hints[parameter.name] is ToolContext:
            raise ToolFault(f"tool {title!r}: the ToolContext must be the first parameter")
    return parameters, wants_context, hints


def _check(made: Tool, function: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
    """Raises ToolFault on the first thing in the declaration that cannot be right."""
    title = made.name
    if made.undo is not None and made.effect in ("read", "self"):
        raise ToolFault(f"tool {title!r}: effect {made.effect} leaves nothing to undo")
    if not _NAME.fullmatch(title):
        raise ToolFault(f"tool name {title!r}: use a letter, then letters, digits and _, at most 64 in all")
    for kind, value, allowed in (
        ("effect", made.effect, get_args(Effect)),
        ("integrity", made.integrity, get_args(Integrity)),
        ("clearance", made.clearance, get_args(Clearance)),
        ("settle", made.settle.how, ("key", "lookup", "ask", "repeat")),
    ):
        if value not in allowed:
            raise ToolFault(f"tool {title!r}: {kind} {value!r} is none of {', '.join(allowed)}")
    for sink in made.sinks:
        if sink not in arguments:
            known = ", ".join(arguments) or "none"
            raise ToolFault(f"tool {title!r}: sink {sink!r} is not an argument (it has: {known})")
    for one in made.reaches.arguments if made.reaches is not None else ():
        if one not in arguments:
            raise ToolFault(f"tool {title!r}: it reaches whom {one!r} names, which is no argument")
    if made.reaches is not None and made.effect in ("read", "self"):
        raise ToolFault(f"tool {title!r}: effect {made.effect} reaches nobody")
    if made.settle.how == "lookup" and made.settle.find is None:
        raise ToolFault(f"tool {title!r}: settle by lookup needs `find`")
    for label, read in made.records.items():
        if not inspect.iscoroutinefunction(read):
            raise ToolFault(f"tool {title!r}: record {label!r} must be an async function(context, args)")
    if not 0 < made.timeout < float("inf"):
        raise ToolFault(f"tool {title!r}: timeout {made.timeout!r} must be a positive number of seconds")
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise ToolFault(f"tool {title!r}: a tool returns its result; it cannot yield")


def _docstring(
    title: str, text: str, parameters: Mapping[str, inspect.Parameter]
) -> tuple[str, dict[str, str]]:
    """The description, and what is said of each argument. Raises ToolFault for an argument that is not there."""
    about: list[str] = []
    notes: dict[str, str] = {}
    section, current = "", ""
    for line in text.splitlines():
        if found := _SECTION.match(line):
            section, current = found[1], ""
        elif not section:
            about.append(line)
        elif section in ("Args", "Arguments", "Parameters"):
            entry = re.match(r" {2,4}(\w+)(?:\s*\([^)]*\))?:\s*(.*)", line)
            if entry:
                current = entry[1]
                if current not in parameters and current not in ("context", "ctx"):
                    raise ToolFault(
                        f"tool {title!r}: the docstring describes {current!r}, which is no argument"
                    )
                notes[current] = entry[2].strip()
            elif current and line.strip():
                notes[current] = f"{notes[current]} {line.strip()}".strip()
    return "\n".join(about).strip(), notes


def _model(
    title: str,
    parameters: Mapping[str, inspect.Parameter],
    hints: Mapping[str, Any],
    notes: Mapping[str, str],
) -> type[BaseModel]:
    fields: dict[str, Any] = {}
    for key, parameter in parameters.items():
        hint = hints[key]
        told = any(getattr(part, "description", None) for part in getattr(hint, "__metadata__", ()))
        if key in notes and not told:
            hint = Annotated[hint, Field(description=notes[key])]
        default = ... if parameter.default is parameter.empty else parameter.default
        if default is not ...:
            _check_default(title, key, hint, default)
        fields[_PREFIX + key] = (Annotated[hint, Field(alias=key)], default)
    # NaN is neither above nor below a limit, so a rule for one would let it pass
    config = ConfigDict(
        extra="forbid", protected_namespaces=(), arbitrary_types_allowed=False, allow_inf_nan=False
    )
    try:
        made: type[BaseModel] = create_model(title or "tool", __config__=config, **fields)
    except (PydanticSchemaGenerationError, PydanticUserError, NameError) as error:
        reason = str(error).splitlines()[0]
        raise ToolFault(f"tool {title!r}: an argument's type has no JSON form: {reason}") from error
    return made


def _check_default(title: str, key: str, hint: Any, default: Any) -> None:
    try:
        TypeAdapter(hint).validate_python(default)
    except ValidationError as error:
        raise ToolFault(f"tool {title!r}: the default of {key!r}, {default!r}, is not of its type") from error
    except (PydanticSchemaGenerationError, PydanticUserError) as error:
        reason = str(error).splitlines()[0]
        raise ToolFault(f"tool {title!r}: the type of {key!r} has no JSON form: {reason}") from error


def _schema(title: str, model: type[BaseModel]) -> dict[str, Json]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a default that has no JSON form is a mistake, not a warning
        try:
            schema = model.model_json_schema(by_alias=True)
        except (PydanticUserError, Warning) as error:
            reason = str(error).splitlines()[0]
            raise ToolFault(f"tool {title!r}: no JSON schema for its arguments: {reason}") from error
    plain: dict[str, Json] = _untitled(schema)
    plain.setdefault("properties", {})
    plain.pop("description", None)
    return plain


def _untitled(schema: Json) -> Json:
    """Without the titles that pydantic adds: they repeat the names and cost tokens."""
    if isinstance(schema, list):
        return [_untitled(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Json] = {}
    for key, value in schema.items():
        if key == "title" and isinstance(value, str):
            continue
        if key in ("properties", "$defs") and isinstance(value, dict):
            out[key] = {name: _untitled(part) for name, part in value.items()}
        elif key in ("default", "const", "enum", "examples"):
            out[key] = value
        else:
            out[key] = _untitled(value)
    return out


def _validator(title: str, model: type[BaseModel]) -> Callable[[Mapping[str, Json]], Mapping[str, Json]]:
    names = [key.removeprefix(_PREFIX) for key in model.model_fields]

    def validate(args: Mapping[str, Json]) -> Mapping[str, Json]:
        """The arguments in canonical JSON form, defaults filled in. Raises Mend with all that is wrong."""
        try:
            given = dict(args) if isinstance(args, Mapping) else args
            return model.model_validate(given).model_dump(mode="json", by_alias=True)
        except ValidationError as error:
            raise wrong_arguments(title, names, error.errors(include_url=False)) from error

    return validate


def _caller(
    function: Callable[..., Any], model: type[BaseModel], wants_context: bool
) -> Callable[[ToolContext, Mapping[str, Json]], Any]:
    keys = [(key, key.removeprefix(_PREFIX)) for key in model.model_fields]
    plain = all(field.annotation in (str, int, float, bool) for field in model.model_fields.values())
    waits = inspect.iscoroutinefunction(function)

    async def call(context: ToolContext, args: Mapping[str, Json]) -> Json:
        if plain:  # valid as they are, and nothing is to be made of them
            values = dict(args)
        else:
            checked = model.model_validate(args)
            values = {name: getattr(checked, key) for key, name in keys}
        first = (context,) if wants_context else ()
        if waits:
            return await function(*first, **values)
        return await in_thread(lambda: function(*first, **values))

    return call
