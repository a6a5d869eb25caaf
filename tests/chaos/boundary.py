"""The places where a worker process may be made to die: counted, so that a test can name the n-th."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Boundaries:
    """Counts the boundaries that this process crosses, and ends it, as `kill -9` does, at the one numbered `die_at`, or at
    the first that is called `die_in`."""

    die_at: int = 0  # 0: never
    die_in: str = ""
    crossed: int = 0
    last_word: Callable[[str], None] = field(default=lambda where: None)

    def due(self) -> bool:
        """Whether the next boundary is the last."""
        return self.crossed + 1 == self.die_at or self.die_in == "during a commit"

    def cross(self, where: str) -> None:
        self.crossed += 1
        if self.crossed == self.die_at or where == self.die_in:
            self.last_word(where)
            os.kill(os.getpid(), signal.SIGKILL)


here = Boundaries()  # of this process
