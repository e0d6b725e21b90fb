"""`make bench`: every figure with the bare work of the same run beside it, for machines differ and ratios travel.

Writes tests/bench/results.json and prints a table. Nothing here is a test: a slow machine fails nobody.
"""

import argparse
import json
import platform
import sqlite3
import sys
from importlib.metadata import version
from pathlib import Path

from gateway.cycles import collect_rarely
from gateway.log import configure_logging
from tests.bench import (
    district,
    journal,
    kafka,
    latency,
    normalising,
    recovery,
    screening,
    sealing,
    sharing,
    size,
    ways_in,
)
from tests.bench.figure import Figure

RESULTS = Path(__file__).parent / "results.json"
PARTS = {
    "normalise": normalising.run,
    "sealing": sealing.run,
    "journal": journal.run,
    "screening": screening.run,
    "latency": latency.run,
    "sharing": sharing.run,
    "ways_in": ways_in.run,
    "kafka": kafka.run,
    "district": district.run,
    "recovery": recovery.run,
    "size": size.run,
}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("parts", nargs="*", choices=[*PARTS, []], help="only these; all without")
    asked.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    options = asked.parse_args()
    configure_logging("console", "warning")
    collect_rarely()  # as a gateway does
    figures: list[Figure] = []
    for name in options.parts or PARTS:
        sys.stderr.write(f"{name} ...\n")
        figures += PARTS[name](quick=options.quick)
    for figure in figures:
        print(figure.line())
    if not options.quick:
        RESULTS.write_text(
            json.dumps({"on": _machine(), "figures": [figure.row() for figure in figures]}, indent=1) + "\n"
        )


def _machine() -> dict[str, str]:
    packages = ("asyncpg", "cryptography", "orjson", "pydantic", "lmdb", "sqlalchemy", "uvicorn")
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "sqlite": sqlite3.sqlite_version,
        **{name: version(name) for name in packages},
    }


if __name__ == "__main__":
    main()
