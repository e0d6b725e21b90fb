"""How long to wait before trying again for ever: growing, bounded, with full jitter."""

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    first_seconds: float = 0.2
    longest_seconds: float = 30.0
    _failures: int = 0

    def reset(self) -> None:
        self._failures = 0

    def next(self) -> float:
        """Seconds to wait after one more failure."""
        bound = min(self.longest_seconds, self.first_seconds * 2 ** min(self._failures, 16))
        self._failures += 1
        return random.uniform(0, bound)  # noqa: S311 - no secret
