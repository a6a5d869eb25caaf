"""Whether an event is one that begins a run: a CEL condition over `event`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from cel_expr_python import cel

from remit.errors import UserError

Json = Any


@cache
def _environment() -> Any:
    return cel.NewEnv(variables={"event": cel.Type.Map(cel.Type.STRING, cel.Type.DYN)})


@lru_cache(maxsize=256)
def compile_condition(text: str) -> Any:
    """Raises UserError for what cannot be read, or is no yes or no."""
    try:
        program = _environment().compile(text)
    except (RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"the condition cannot be read; it may use `event`: {said}") from error
    if program.return_type() not in (cel.Type.BOOL, cel.Type.DYN):
        raise UserError("the condition must be a yes or no (a bool)")
    return program


def holds(text: str, event: Mapping[str, Json]) -> bool:
    """Raises UserError where it cannot be decided, as of a field that is not there."""
    if not text:
        return True
    try:
        result = compile_condition(text).eval(data={"event": dict(event)})
        value = result.plain_value()
    except (RuntimeError, ValueError, TypeError) as error:
        raise UserError(f"its condition could not be decided: {str(error).splitlines()[0]}") from error
    if not isinstance(value, bool):
        said = str(value).partition(": ")[2] or str(value)
        raise UserError(f"its condition could not be decided: {said[:300]}")
    return value
