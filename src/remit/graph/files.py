"""Rows out of a file: JSON, one object a line, or CSV with a line of names. Whatever cannot be read is a row that is set aside."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from pydantic_core import from_json

from remit.errors import UserError
from remit.graph.rows import ACCOUNT, OWN, SHORTHANDS, Row, Wrong, of_columns

Json = Any
Format = Literal["jsonl", "csv"]
INSIDE = (*OWN, ACCOUNT)


def rows_in(
    lines: Iterable[bytes], how: Format, into: Sequence[str] | None = None, delimiter: str = ","
) -> Iterator[tuple[int, Json]]:
    """Each row with its line. `into`: what the columns of a CSV are, in their order, where their names do not say it; empty for one that is
    left out. Raises UserError for a CSV whose names cannot be."""
    return _objects(lines) if how == "jsonl" else _table(lines, into, delimiter)


def _objects(lines: Iterable[bytes]) -> Iterator[tuple[int, Json]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _object(line)


def _object(line: bytes) -> Json:
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError as error:
        return Wrong("", f"is no JSON: {error}", line.decode("utf-8", "replace"))


def _table(
    lines: Iterable[bytes], into: Sequence[str] | None = None, delimiter: str = ","
) -> Iterator[tuple[int, Json]]:
    reader = csv.reader((line.decode("utf-8", "surrogateescape") for line in lines), delimiter=delimiter)
    names = [name.strip().removeprefix("\ufeff") for name in next(reader, [])]
    if into is not None:
        names = [*into]
    _check([name for name in names if name] if into is not None else names)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, Wrong("", f"is no CSV: {error}", "")
            continue
        if any(cells):
            yield reader.line_num, _row(names, cells)


def _row(names: list[str], cells: list[str]) -> Json:
    text = ",".join(cells)
    if any("\udc80" <= character <= "\udcff" for character in text):
        return Wrong("", "is not in UTF-8", text.encode("utf-8", "replace").decode())
    if len(cells) != len(names):
        return Wrong("", f"has {len(cells)} cells, and there are {len(names)} names", text)
    return of_columns({name: cell for name, cell in zip(names, cells, strict=True) if name})


def _check(names: list[str]) -> None:
    """Raises UserError for a first line that does not say what stands below."""
    if not names:
        raise UserError("there is nothing in it: a CSV begins with a line of names, as id,at,kind,email")
    unknown = [name for name in names if name not in Row.model_fields and not name.startswith(INSIDE)]
    if unknown:
        raise UserError(
            f"no column is called {unknown[0]!r}. There are {', '.join(Row.model_fields)}; what is your own is called "
            f"properties.{unknown[0] or 'x'}, an identifier of your own kind id.{unknown[0] or 'x'}, and what is said of the "
            f"person attributes.{unknown[0] or 'x'}; what they belong to has account.crm, account.name, account.role"
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"two columns are called {twice!r}")
    if not {*SHORTHANDS, "identifiers"}.intersection(names) and not any(n.startswith("id.") for n in names):
        raise UserError(
            f"no column says who: one of {', '.join(SHORTHANDS)}, or id.x for an identifier of your own kind"
        )
