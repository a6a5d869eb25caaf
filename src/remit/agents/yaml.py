"""YAML that people write, read within bounds: a few files of it can ask for more memory than there is.

Aliases are counted as what they stand for, so that a file of a kilobyte cannot become a gigabyte; tags, which make other
things than text, numbers, lists and mappings, are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent
from ruamel.yaml.parser import RoundTripParser

from remit.errors import SpecError

Json = Any
M = TypeVar("M", bound=BaseModel)
LONGEST = 1_000_000  # characters of a file
DEEPEST = 40  # lists and mappings in each other
MOST = 100_000  # values, each alias counted as all that it stands for


def read(text: str, path: str) -> Json:
    """What a text of YAML says, with its lines for `line_of`. Raises SpecError with path and line."""
    if len(text) > LONGEST:
        raise SpecError(f"has {len(text):,} characters; {LONGEST:,} are the most that is read", path)
    yaml = YAML(typ="rt")
    yaml.Parser = _Bounded
    try:
        return yaml.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it is not YAML"
        raise SpecError(f"broken YAML: {problem}", path, mark.line + 1 if mark else None) from error
    except ValueError as error:  # of what has the form of a date or a number, and is none
        raise SpecError(f"broken YAML: {error}", path) from error
    except TypeError as error:
        raise SpecError("a key is a list or a mapping; write one word or number there", path) from error


def read_file(path: Path) -> Json:
    """The same of a file. Raises SpecError, and FileNotFoundError where there is none."""
    try:
        return read(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        raise
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot be read: {error}", str(path)) from error


def read_as(model: type[M], path: Path) -> M:
    """A file as what it should be. Raises SpecError with the line of what is wrong, or where there is none."""
    try:
        return checked(model, read_file(path), str(path))
    except FileNotFoundError:
        raise SpecError("there is no such file", str(path)) from None


def checked(model: type[M], data: Json, path: str) -> M:
    """What was read, as what it should be. Raises SpecError with path and line."""
    try:
        return model.model_validate(plain(data or {}))
    except ValidationError as error:
        first = error.errors()[0]
        loc = [part for part in first["loc"] if isinstance(part, (int, str))]
        where = ".".join(map(str, loc))
        said = first["msg"].removeprefix("Value error, ")
        more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
        raise SpecError(f"{where + ': ' if where else ''}{said}{more}", path, line_of(data, loc)) from error


class _Bounded(RoundTripParser):
    """A parser that stops where a document grows beyond what people write."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        self._open: list[
            tuple[str | None, int]
        ] = []  # lists and mappings around: anchor, and the count before
        self._sizes: dict[str, int] = {}  # of what an alias may stand for
        self._count = 0

    def get_event(self) -> Any:
        event = super().get_event()
        if isinstance(event, NodeEvent):
            self._node(event)
        elif isinstance(event, CollectionEndEvent):
            anchor, before = self._open.pop()
            if anchor is not None:
                self._sizes[anchor] = self._count - before
        return event

    def _node(self, event: Any) -> None:
        if getattr(event, "tag", None) is not None:
            _stop(event, f"the tag {event.tag} is not used here; write the value as it is")
        if isinstance(event, AliasEvent):
            if any(anchor == event.anchor for anchor, _ in self._open):
                _stop(event, f"*{event.anchor} stands within itself")
            self._count += self._sizes.get(event.anchor, 1)
        else:
            self._count += 1
            self._sizes.pop(event.anchor, None)  # an anchor may be given again
        if self._count > MOST:
            _stop(event, f"there are more than {MOST:,} values, what aliases stand for included")
        if isinstance(event, CollectionStartEvent):
            self._open.append((event.anchor, self._count - 1))
            if len(self._open) > DEEPEST:
                _stop(event, f"more than {DEEPEST} lists and mappings stand in each other")


def _stop(event: Any, problem: str) -> None:
    raise MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def written(value: Json) -> str:
    """A value as YAML, for people to change."""
    yaml, text = YAML(typ="rt"), StringIO()
    yaml.width = 110
    yaml.dump(value, text)
    return text.getvalue()


def plain(value: Json) -> Json:
    """ruamel's containers as plain ones."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, str):
        return str(value)
    return value


def line_of(data: Json, loc: Sequence[int | str]) -> int:
    """The line (from 1) of the deepest part of `loc` that stands in the file."""
    line: int = 1
    node: Json = data
    for part in loc:
        try:
            lines: Any = node.lc
            position = lines.key(part) if isinstance(node, dict) else lines.item(part)
            line, node = position[0] + 1, node[part]
        except (KeyError, IndexError, AttributeError, TypeError):
            break
    return line
