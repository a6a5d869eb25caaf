"""A playbook as text: actions, rules of contact, goals and budget as YAML, checked, each mistake at its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from remit.agents.yaml import line_of, plain, read, read_file
from remit.decisions.action import Playbook
from remit.errors import SpecError


def read_playbook(path: Path) -> Playbook:
    """Raises SpecError with the line of what is wrong."""
    try:
        data = read_file(path)
    except FileNotFoundError:
        raise SpecError("there is no such file", str(path)) from None
    return _checked(data, str(path))


def playbook_of(text: str, where: str = "the playbook") -> Playbook:
    """Raises SpecError with the line of what is wrong."""
    return _checked(read(text, where), where)


def _checked(data: Any, where: str) -> Playbook:
    try:
        return Playbook.model_validate(plain(data or {}))
    except ValidationError as error:
        first = error.errors()[0]
        loc = [part for part in first["loc"] if isinstance(part, (int, str))]
        at = ".".join(map(str, loc))
        said = first["msg"].removeprefix("Value error, ")
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise SpecError(f"{at + ': ' if at else ''}{said}{more}", where, line_of(data, loc)) from error
