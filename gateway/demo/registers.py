"""A register for each agency of the demo: one table of its own, with one row of the listed company in it."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

# Each agency's table as it might have it: (table, row number, name, code), and what stands in the one row.
TABLES = {
    "shanyang-credit-platform": ("credit_files", "file_no", "subject", "credit_code", "file-1"),
    "shanyang-market-regulation": ("licences", "licence_no", "holder", "holder_code", "licence-1"),
    "shanyang-public-resource-trading": ("bidders", "bidder_no", "bidder", "bidder_code", "bidder-1"),
    "shanyang-natural-resources": ("titles", "unit_no", "owner", "owner_code", "title-1"),
}


@dataclass(frozen=True, slots=True)
class DemoRegister:
    """Where the register is, and the mapping file that describes it."""

    url: str
    mapping: Path


def make_register(home: Path, agency: str, name: str, code: str) -> DemoRegister:
    table, row, holder, column, number = TABLES[agency]
    database = home / "register.sqlite"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f'CREATE TABLE "{table}" ("{row}" TEXT PRIMARY KEY, "{holder}" TEXT, "{column}" TEXT)')
        connection.execute(f'INSERT INTO "{table}" VALUES (?, ?, ?)', (number, name, code))  # noqa: S608 - names of ours
    mapping = home / "register.toml"
    mapping.write_text(
        f'table = "{table}"\nrow = "{row}"\nname = "{holder}"\n\n[identifiers]\ncn-uscc = "{column}"\n',
        encoding="utf-8",
    )
    return DemoRegister(f"sqlite:///{database}", mapping)
