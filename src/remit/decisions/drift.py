"""Whether what comes back is still what is expected: two cumulative sums of what was missed (Page, 1954). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from remit.decisions.arrays import Floats

SLACK = 0.15  # standard deviations a decision that are let pass: seasons come and go
ALARM = (
    60.0  # chance alone hardly comes to it, even where a yes is rare; a shift of 0.3 in some 400 decisions
)
FEWEST, TELLING = 500, 20.0  # decisions, and among them such as miss by much, before a usual miss is known


@dataclass
class Drift:
    """How far rewards have run above and below what was expected, noise aside, in standard deviations. `count`, `square` and `fourth` tell the
    size of a usual miss, and how well it is known."""

    above: float = 0.0
    below: float = 0.0
    count: int = 0
    square: float = 0.0
    fourth: float = 0.0

    def seen(self, missed: Floats) -> bool:
        """Take in what decisions brought beyond what was expected of them; whether that is chance no more."""
        self.count += len(missed)
        self.square += float((missed**2).sum())
        self.fourth += float((missed**4).sum())
        usual = (self.square / max(self.count, 1)) ** 0.5
        if usual == 0 or self.count < FEWEST or self.square**2 < TELLING * self.fourth:
            return False
        for one in (missed / usual).tolist():
            self.above = max(0.0, self.above + one - SLACK)
            self.below = max(0.0, self.below - one - SLACK)
            if max(self.above, self.below) > ALARM:
                return True
        return False
