"""One measured figure, with what it is measured against."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import median


@dataclass(frozen=True)
class Figure:
    """`value` in `unit`; `target` as the project wants it; `ratio` to the `bare` work of the same run."""

    name: str
    value: float
    unit: str
    target: str
    bare: str = ""
    ratio: float | None = None
    parts: dict[str, float] = field(default_factory=dict)

    def line(self) -> str:
        against = f"{self.ratio:6.2f} x {self.bare}" if self.ratio is not None else ""
        shares = "  ".join(f"{name} {share:.0%}" for name, share in self.parts.items())
        return f"{self.name:58} {self.value:12,.1f} {self.unit:12} want {self.target:16} {against}  {shares}".rstrip()

    def row(self) -> dict[str, object]:
        return asdict(self)


def seconds(work: Callable[[], object], *, times: int = 5) -> float:
    """The median CPU seconds of several runs, after one to warm up: one core's work, whatever else runs."""
    work()
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return median(taken)
