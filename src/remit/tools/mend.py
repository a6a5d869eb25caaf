"""Telling a model what is wrong with a call, so that its next one is right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from remit.errors import Mend


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None where none is near."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def unknown(kind: str, name: str, known: Iterable[str]) -> Mend:
    """A Mend for a name that does not exist."""
    choices = sorted(known)
    near = nearest(name, choices)
    hint = f" Did you mean {near!r}?" if near else f" There is: {', '.join(choices[:20]) or 'none'}."
    return Mend(f"unknown {kind} {name!r}.{hint}")


def wrong_arguments(tool: str, names: Sequence[str], errors: Sequence[Mapping[str, Any]]) -> Mend:
    """A Mend that lists, a line each, what pydantic found wrong with the arguments of `tool`."""
    lines = [_line(names, error) for error in errors[:10]]
    if len(errors) > 10:
        lines.append(f"and {len(errors) - 10} more")
    takes = f" It takes: {', '.join(names)}." if names else " It takes no arguments."
    return Mend(
        f"wrong arguments for {tool}:\n" + "\n".join(f"- {line}" for line in lines) + f"\n{takes.strip()}"
    )


def _line(names: Sequence[str], error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        near = nearest(str(error["loc"][-1]), names) if len(error["loc"]) == 1 else None
        return f"{where}: unknown argument" + (f"; did you mean {near!r}?" if near else "")
    if error["type"] == "missing":
        return f"{where}: required, but missing"
    if not where:
        return "the arguments must be a JSON object"
    given = repr(error.get("input"))
    return f"{where}: {error['msg']}, not {given if len(given) <= 80 else given[:77] + '...'}"
