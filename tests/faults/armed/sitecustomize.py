"""Put on PYTHONPATH of a process that shall die: it does, as by kill -9, right after the Nth line that names a step.

Nothing of the project knows of it. The line passes through structlog, and the process is gone before its next
statement. `VICTIM_ONCE` is a file that the first to die makes, so that what is started again lives.
"""

import os
import signal
from typing import Any

STEP, NTH, ONCE = os.environ.get("VICTIM_STEP"), int(os.environ.get("VICTIM_NTH", "1")), os.environ.get("VICTIM_ONCE")


class Fate:
    seen = 0

    def __call__(self, _: object, __: str, event: Any) -> Any:
        if event.get("event") == "step" and STEP in ("any", event.get("step")):
            self.seen += 1
            if self.seen == NTH and _first():
                os.kill(os.getpid(), signal.SIGKILL)
        return event


def _first() -> bool:
    try:
        os.close(os.open(str(ONCE), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


if STEP and ONCE:
    import structlog

    configure = structlog.configure

    def armed(*, processors: list[Any], **rest: Any) -> None:
        configure(processors=[Fate(), *processors], **rest)

    structlog.configure = armed
