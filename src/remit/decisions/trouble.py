"""What is doubtful about a log, in words: said beside every figure that is read from it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from remit.decisions.arrays import Floats
from remit.decisions.logged import SHOWN, Column, Logged

FEW = 1000  # rows below which intervals are wide
FEW_TAKEN = 30  # rows of an action below which nothing is known of it
SURE = 5.0  # standard errors at which chance is ruled out, many columns looked at
SMALL = 0.01  # a propensity below it
ENOUGH = 100.0  # rows in which a column must differ before normal errors are believed
TELLS_ALL = 0.9  # correlation with the reward above which a column is hardly context


def troubles(logged: Logged, effective: float) -> Iterator[str]:
    """`effective`: rows that the learned policy's estimate rests on."""
    yield from logged.notes
    if not logged.known:
        yield (
            "no propensities in the file: each action's frequency stands in, which is right only where actions were drawn "
            "without looking at the context"
        )
    else:
        yield from _frequencies(logged)
    if len(logged) < FEW:
        yield f"{len(logged)} rows: the intervals are wide, and normal ones are too short"
    counts = np.bincount(logged.taken, minlength=len(logged.actions))
    few = [(name, count) for name, count in zip(logged.actions, counts, strict=True) if count < FEW_TAKEN]
    if len(few) > SHOWN:
        some = ", ".join(name for name, _ in few[:SHOWN])
        yield f"{len(few)} actions were taken fewer than {FEW_TAKEN} times each ({some}, …): hardly anything is known of them"
    else:
        for name, count in few:
            yield f"{name} was taken {count} times only: hardly anything is known of it"
    if logged.propensity.min() < SMALL:
        share = float(np.mean(logged.propensity < SMALL))
        yield f"propensities down to {logged.propensity.min():.2g} ({share:.1%} of the rows below {SMALL:g}): few rows weigh much"
    if effective < max(100, 0.02 * len(logged)):
        yield f"the learned policy's estimate rests on {effective:.0f} of {len(logged)} rows: what it does was seldom done"
    yield from _after(logged)


def _frequencies(logged: Logged) -> Iterator[str]:
    """1/p summed over the rows of an action is the number of rows, but for chance."""
    rows = len(logged)
    for place, name in enumerate(logged.actions):
        inverse = (logged.taken == place) / logged.propensity
        error = float(inverse.std() / np.sqrt(rows))
        off = float(inverse.mean()) - 1
        if error == 0 or abs(off) > SURE * error:
            actual = float(np.mean(logged.taken == place))
            yield (
                f"the propensities of {name} do not agree with how often it was taken ({actual:.1%} of the rows): by them it would "
                f"weigh {1 + off:.2f} times as much as all rows together. Look at how they were logged"
            )


def _after(logged: Logged) -> Iterator[str]:
    """Columns that look as if they were known only after the action: that, or the log is not what it says."""
    told = [column.name for column in logged.columns if any(_tells(logged, one) for one in _numbers(column))]
    if told:
        yield (
            f"{_named(told)} tells the reward, for some rows without fail: if it was known only afterwards, leave it out "
            f"(--ignore {told[0]})"
        )
    parted = [
        column.name for column in logged.columns if any(_parted(logged, one) for one in _numbers(column))
    ]
    if parted := [name for name in parted if name not in told]:
        yield (
            f"{_named(parted)} differs between actions by more than chance and propensities explain: either it was known "
            f"only afterwards (--ignore {parted[0]}), or actions were chosen by it and the propensities do not say so"
        )


def _named(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"column {names[0]}" if len(names) == 1 else f"each of the columns {', '.join(names[:5])}{more}"


def _numbers(column: Column) -> list[Floats]:
    """A number, what is missing in the middle; or for each word whether it stands there."""
    if column.levels:
        return [(column.values == place).astype(np.float64) for place in range(min(len(column.levels), 50))]
    return [np.nan_to_num(column.values, nan=float(np.nanmean(column.values)))]


def _tells(logged: Logged, values: Floats) -> bool:
    """Correlated with the reward almost wholly; or rows off its commonest value all had one reward that is not the usual one."""
    if values.std() == 0 or logged.reward.std() == 0:
        return False
    if abs(float(np.corrcoef(values, logged.reward)[0, 1])) > TELLS_ALL:
        return True
    seen, counts = np.unique(values, return_counts=True)
    off = logged.reward[values != seen[counts.argmax()]]
    return len(off) >= FEW_TAKEN and off.std() == 0 and off[0] != np.median(logged.reward)


def _parted(logged: Logged, values: Floats) -> bool:
    """Whether the reweighed mean of an action lies too far from the mean of all; only where enough rows differ to say so."""
    centred = values - values.mean()
    fourth = float((centred**4).sum())
    if not fourth or float((centred**2).sum()) ** 2 / fourth < ENOUGH:
        return False
    for place in range(len(logged.actions)):
        moment = ((logged.taken == place) / logged.propensity - 1) * centred
        error = float(moment.std() / np.sqrt(len(values)))
        if error and abs(float(moment.mean())) > SURE * error:
            return True
    return False
