"""Logged decisions from a CSV: what was known, what was done, how likely that was, and what came of it.

One row a decision. Three columns have a meaning: the action, its propensity (the probability with which whoever decided chose it,
knowing this row's context) and the reward. All others are context, whose types are inferred, but for those that are to be ignored.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from remit.decisions.arrays import Floats, Ints
from remit.errors import UnknownName, UserError

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
SHOWN = 5  # bad rows that an error names
MOST_ACTIONS = 200
LARGEST = 1e12  # a reward, a cost; their squares are summed
FARTHEST = 1e60  # a number of the context is cut there
DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?")
ID_SHARE = 0.5  # a column of words of which so many rows have their own is no context but a name


@dataclass(frozen=True)
class Layout:
    """Which column means what. `propensity` "" where the file has none; `categories` are columns whose numbers are names."""

    action: str = "action"
    reward: str = "reward"
    propensity: str = "propensity"
    ignore: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    costs: Mapping[str, float] = field(default_factory=dict)
    worth: float = 1.0  # of one unit of reward, in the unit of the costs
    skip_bad: bool = False


@dataclass(frozen=True)
class Column:
    """One thing that is known of each row: numbers (NaN where missing), or words as places in `levels` (-1 where missing)."""

    name: str
    values: Floats
    levels: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "category" if self.levels else "number"

    @property
    def missing(self) -> int:
        return int(np.sum(self.values < 0) if self.levels else np.sum(np.isnan(self.values)))

    def at(self, rows: Ints) -> Column:
        return Column(self.name, self.values[rows], self.levels)

    def unknown(self, rows: int) -> Column:
        """The same thing, of so many rows of which it is not known."""
        return Column(self.name, np.full(rows, -1.0 if self.levels else np.nan), self.levels)


def joined(parts: Sequence[Column]) -> Column:
    """One column of several, one after the other, whatever words each of them has."""
    levels = parts[0].levels
    if any(part.levels != levels for part in parts):
        levels = tuple(sorted({level for part in parts for level in part.levels}))
        places = [np.array([*(levels.index(level) for level in part.levels), -1.0]) for part in parts]
        moved = [place[part.values.astype(np.int64)] for place, part in zip(places, parts, strict=True)]
        return Column(parts[0].name, np.concatenate(moved), levels)
    return Column(parts[0].name, np.concatenate([part.values for part in parts]), levels)


@dataclass(frozen=True)
class Logged:
    """n decisions among K actions. `taken`: (n,) places in `actions`; `reward` and `propensity`: (n,); `costs`: (K,)."""

    columns: tuple[Column, ...]
    actions: tuple[str, ...]
    taken: Ints
    reward: Floats
    propensity: Floats
    costs: Floats
    known: bool = True  # the propensities are the file's; else frequencies stand in
    notes: tuple[str, ...] = ()  # what was left out, in words

    def __len__(self) -> int:
        return len(self.taken)

    @property
    def value(self) -> Floats:
        """What each decision brought, less what it cost."""
        return self.reward - self.costs[self.taken]

    def at(self, rows: Ints) -> Logged:
        columns = tuple(column.at(rows) for column in self.columns)
        kept = (self.taken[rows], self.reward[rows], self.propensity[rows])
        return Logged(columns, self.actions, *kept, self.costs, self.known, self.notes)


def read_logged(path: Path, layout: Layout = Layout()) -> Logged:
    """Raises UserError with the line and what to do, where a row or the layout is wrong."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(path, csv.reader(file, strict=True), layout)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: cannot be read as CSV: {error}") from error


def _read(path: Path, rows: Iterator[list[str]], layout: Layout) -> Logged:
    header = [name.strip() for name in next(rows, [])]
    layout, notes = _settled(path, header, layout)
    good, bad = _split(rows, header, layout)
    if bad and not layout.skip_bad:
        said = "".join(f"\n  line {line}: {why}" for line, why in bad[:SHOWN])
        more = f"\n  and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise UserError(
            f"{path}: {_rows(len(bad))} cannot be used. Mend them, or leave them out by --skip-bad.{said}{more}"
        )
    if bad:
        notes.append(f"{_rows(len(bad))} left out, the first in line {bad[0][0]}: {bad[0][1]}")
    if not good:
        raise UserError(f"{path}: no row to go by")
    return _made(path, header, good, layout, notes)


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


def _settled(path: Path, header: list[str], layout: Layout) -> tuple[Layout, list[str]]:
    """The layout with what the header lacks taken out of it. Raises UserError for a column that is named and not there."""
    if twice := {name for name in header if header.count(name) > 1}:
        raise UserError(f"{path}:1: the column {min(twice)!r} is there twice")
    for option, name in (("--action", layout.action), ("--reward", layout.reward)):
        if name not in header:
            raise UserError(f"{UnknownName('column', name, header, f'{path}:1')} Name it by {option}.")
    for name in (*layout.ignore, *layout.categories):
        if name not in header:
            raise UnknownName("column", name, header, f"{path}:1")
    if not layout.propensity or layout.propensity in header:
        return layout, []
    if layout.propensity != Layout.propensity:
        raise UnknownName("column", layout.propensity, header, f"{path}:1")
    return Layout(**{**layout.__dict__, "propensity": ""}), []


def _split(
    rows: Iterator[list[str]], header: list[str], layout: Layout
) -> tuple[list[list[str]], list[tuple[int, str]]]:
    """The rows that can be used, and of the others the line and why not."""
    action, reward = header.index(layout.action), header.index(layout.reward)
    propensity = header.index(layout.propensity) if layout.propensity else -1
    good: list[list[str]] = []
    bad: list[tuple[int, str]] = []
    for row in rows:
        if not row:
            continue
        line = getattr(rows, "line_num", 0)
        if len(row) != len(header):
            bad.append((line, f"{len(row)} values, but the header has {len(header)} columns"))
        elif not row[action].strip():
            bad.append((line, f"no action in {layout.action!r}"))
        elif not math.isfinite(number(row[reward])):
            bad.append((line, f"{layout.reward} is {row[reward]!r}, which is no number"))
        elif abs(layout.worth * number(row[reward])) > LARGEST:
            bad.append(
                (line, f"{layout.reward} is {row[reward]}: more than {LARGEST:g} is not reckoned with")
            )
        elif propensity >= 0 and not 0 < number(row[propensity]) <= 1:
            bad.append(
                (line, f"{layout.propensity} is {row[propensity]!r}; a probability is above 0 and at most 1")
            )
        else:
            good.append(row)
    return good, bad


def _made(path: Path, header: list[str], rows: list[list[str]], layout: Layout, notes: list[str]) -> Logged:
    by_name = dict(zip(header, zip(*rows, strict=True), strict=True))
    words = [word.strip() for word in by_name[layout.action]]
    actions = tuple(sorted(set(words) | set(layout.costs)))
    if unknown := set(layout.costs) - set(words):
        raise UnknownName("action", min(unknown), set(words), f"{path}: --cost")
    if len(actions) > MOST_ACTIONS:
        raise UserError(
            f"{path}: {len(actions)} different actions in {layout.action!r}, at most {MOST_ACTIONS} can be compared. "
            "Is it the right column?"
        )
    places = {action: place for place, action in enumerate(actions)}
    taken = np.array([places[word] for word in words], dtype=np.int64)
    reward = layout.worth * np.array([number(cell) for cell in by_name[layout.reward]])
    if layout.propensity:
        propensity = np.array([number(cell) for cell in by_name[layout.propensity]])
    else:
        propensity = (np.bincount(taken, minlength=len(actions)) / len(taken))[taken]
    meant = {layout.action, layout.reward, layout.propensity, *layout.ignore}
    columns = []
    for name in header:
        if name not in meant:
            column, why = inferred(name, by_name[name], name in layout.categories)
            columns += [column] if column else []
            notes += [why] if why else []
    costs = np.array([layout.costs.get(action, 0.0) for action in actions])
    return Logged(
        tuple(columns), actions, taken, reward, propensity, costs, bool(layout.propensity), tuple(notes)
    )


def inferred(name: str, cells: Sequence[str], category: bool = False) -> tuple[Column | None, str]:
    """A column of numbers where all that is there is one, or a date (days since 1970), else of words; None and why, where it says nothing."""
    if not category:
        read = day if DATE.fullmatch(next((cell.strip() for cell in cells if cell.strip()), "")) else number
        numbers = np.clip([read(cell) for cell in cells], -FARTHEST, FARTHEST)
        if all(
            not math.isnan(value) or cell.strip().lower() in MISSING
            for value, cell in zip(numbers, cells, strict=True)
        ):
            numbers[~np.isfinite(numbers)] = np.nan
            seen = numbers[~np.isnan(numbers)]
            if not len(seen) or (len(seen) == len(numbers) and np.ptp(seen) == 0):
                return None, f"column {name} left out: it is the same in all rows"
            return Column(name, numbers), ""
    words = [cell.strip() for cell in cells]
    levels = sorted(set(words) - {""})
    if len(levels) > max(20, ID_SHARE * len(words)):
        return (
            None,
            f"column {name} left out: {len(levels)} different words, so it names rows and does not describe them",
        )
    if len(levels) < 2 and "" not in words:
        return None, f"column {name} left out: it is the same in all rows"
    places = {word: place for place, word in enumerate(levels)} | {"": -1}
    return Column(name, np.array([float(places[word]) for word in words]), tuple(levels)), ""


def day(cell: str) -> float:
    """Of a date as 2026-05-04 or 2026-05-04T12:00:00; NaN where it is none."""
    try:
        at = datetime.fromisoformat(cell.strip())
    except ValueError:
        return math.nan
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() / 86400


def number(cell: str) -> float:
    """NaN where it is none."""
    try:
        return float(cell)
    except ValueError:
        return math.nan
