"""What is known of a person as a vector: fitted once to the people of a log, then the same for everybody after them. Pure.

Numbers are standardised; words become one-hot, rare ones together; what is missing has a place of its own. *Bends* of a number at its
quintiles let an effect rise and fall. *Waves* are random Fourier features (Rahimi and Recht, 2007), of two columns at a time or of all:
interactions that nobody has to name. Each part is a group of its own, and the model reads from the data how far to listen to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from remit.decisions.arrays import Floats, Ints
from remit.decisions.logged import Column

INTERCEPT, PLAIN, BENDS, PAIRS, WAVES = range(5)  # the groups
KNOTS = (0.2, 0.4, 0.6, 0.8)
MOST_LEVELS = 20
RARE = 0.005  # levels that fewer rows have stand together
EDGES = (0.002, 0.998)  # quantiles beyond which a number is cut
WIDE = 0.7  # how fast waves over all columns go, against those over two


@dataclass(frozen=True)
class Scale:
    """How one column becomes features. A number: centre, spread, edges, knots; words: which levels have a place."""

    name: str
    centre: float = 0.0
    spread: float = 1.0
    edges: tuple[float, float] = (-np.inf, np.inf)
    knots: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    gaps: bool = False  # some were missing

    @property
    def width(self) -> int:
        """Features without bends: a number and whether it is missing, or a place for each word and one for all others."""
        return len(self.levels) + 1 if self.levels else 1 + self.gaps


@dataclass(frozen=True)
class Features:
    """`turn` (m, d) and `shift` (m,): of the waves; `groups` (D,): of each feature."""

    scales: tuple[Scale, ...]
    turn: Floats
    shift: Floats
    groups: Ints

    def __len__(self) -> int:
        return len(self.groups)

    def of(self, columns: Sequence[Column], rows: int) -> Floats:
        """(rows, D). Raises KeyError where a column is missing."""
        by_name = {column.name: column for column in columns}
        found = [_scaled(scale, by_name[scale.name]) for scale in self.scales]
        plain = np.hstack([np.zeros((rows, 0)), *(part for part, _ in found)])
        waves = np.sqrt(2.0) * np.cos(plain @ self.turn.T + self.shift)
        return np.hstack([np.ones((rows, 1)), plain, *(bends for _, bends in found), waves])


def fit_features(columns: Sequence[Column], pairs: int = 0, waves: int = 0, seed: int = 0) -> Features:
    """Scales from these rows; so many waves over two columns and over all, where there is more than one. A column of which nothing is known in any
    row is left out."""
    scales = tuple(_scale(column) for column in columns if column.missing < len(column.values))
    turn = (
        _turns(scales, pairs, waves, np.random.default_rng(seed))
        if len(scales) > 1
        else np.zeros((0, _width(scales)))
    )
    kinds = {
        INTERCEPT: 1,
        PLAIN: _width(scales),
        BENDS: sum(len(scale.knots) for scale in scales),
        PAIRS: pairs if len(turn) else 0,
        WAVES: waves if len(turn) else 0,
    }
    there = [count for count in kinds.values() if count]
    shift = np.random.default_rng(seed + 1).uniform(0, 2 * np.pi, size=len(turn))
    return Features(scales, turn, shift, np.repeat(np.arange(len(there)), there))


def _width(scales: Sequence[Scale]) -> int:
    return sum(scale.width for scale in scales)


def _scale(column: Column) -> Scale:
    if column.levels:
        return _words(column)
    seen = column.values[~np.isnan(column.values)]
    gaps = len(seen) < len(column.values)
    if not len(seen):
        return Scale(column.name, gaps=gaps)
    low, high = (float(edge) for edge in np.quantile(seen, EDGES))
    kept = np.clip(seen, low, high)
    if kept.std() == 0:  # but for a few rows all the same: those few are what it says
        low, high, kept = float(seen.min()), float(seen.max()), seen
    knots = tuple(float(knot) for knot in np.unique(np.quantile(kept, KNOTS)) if low < knot < high)
    bent = knots if len(np.unique(kept)) > 2 else ()
    return Scale(column.name, float(kept.mean()), float(kept.std()) or 1.0, (low, high), bent, (), gaps)


def _words(column: Column) -> Scale:
    seen = column.values[column.values >= 0].astype(np.int64)
    counts = np.bincount(seen, minlength=len(column.levels))
    least = RARE * len(column.values)
    common = [int(place) for place in np.argsort(-counts)[:MOST_LEVELS] if counts[place] >= least]
    return Scale(
        column.name, levels=tuple(column.levels[place] for place in sorted(common)) or column.levels[:1]
    )


def _scaled(scale: Scale, column: Column) -> tuple[Floats, Floats]:
    """(n, width) and the bends: words one-hot with the rest (rare, new, missing) last; numbers, and whether they are missing."""
    rows = len(column.values)
    if scale.levels:
        places = np.full(len(column.levels) + 1, len(scale.levels))  # the last entry is for -1: missing
        for place, level in enumerate(column.levels):
            if level in scale.levels:
                places[place] = scale.levels.index(level)
        return np.eye(len(scale.levels) + 1)[places[column.values.astype(np.int64)]], np.zeros((rows, 0))
    missing = np.isnan(column.values)
    filled = np.clip(np.where(missing, scale.centre, column.values), *scale.edges)
    parts = [(filled - scale.centre) / scale.spread, *([missing.astype(np.float64)] if scale.gaps else [])]
    bends = [np.maximum(filled - knot, 0) / scale.spread for knot in scale.knots]
    return np.stack(parts, axis=1), np.stack(bends, axis=1) if bends else np.zeros((rows, 0))


def _turns(scales: Sequence[Scale], pairs: int, waves: int, chance: np.random.Generator) -> Floats:
    """A wave over two columns, for each pair before any comes twice; then those over all."""
    ends = np.cumsum([scale.width for scale in scales])
    of = np.repeat(np.arange(len(scales)), [scale.width for scale in scales])  # whose column a feature is
    two = [(one, other) for one in range(len(scales)) for other in range(one)]
    chance.shuffle(two)
    turn = chance.normal(size=(pairs + waves, ends[-1]))
    for wave in range(pairs):
        turn[wave, ~np.isin(of, two[wave % len(two)])] = 0
    turn[pairs:] *= WIDE * np.sqrt(2 / len(scales))
    return turn
