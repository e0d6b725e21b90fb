"""An agency's own register in any SQL database: which table and columns it has is a small mapping file, no code.

    table = "licences"            # the register's table, as the agency has it
    row = "licence_no"            # its opaque row number; it goes into receipts, so never a name or an identity number
    name = "holder"
    held = "blocked"              # optional: a column for us to set to 1 while the row is held, else 0

    [identifiers]                 # scheme -> column; codes as printed, in capitals, without blanks
    cn-uscc = "credit_code"
    cn-id = "holder_id"

What is held, and why, stands in the table `fuyuan_holds`; `fuyuan_operations` makes each operation count once.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    cast,
    column,
    create_engine,
    delete,
    func,
    insert,
    inspect,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

from schemas.canonical import JsonValue
from schemas.identifiers import Scheme, org_code_of

AT_ONCE: Final = 200  # values in one IN list

OWN: Final = MetaData()
HOLDS: Final = Table(
    "fuyuan_holds",
    OWN,
    Column("row", String(200), primary_key=True),
    Column("measure", String(64), primary_key=True),
    Column("op_id", String(64), nullable=False),
    Column("held_at", DateTime, nullable=False, server_default=func.current_timestamp()),
    Column("legal_basis", Text),
    Column("executing_department", Text),
    Column("contact", Text),
    Column("explanation", Text),
    Column("court", Text),
    Column("case_number", Text),
    Column("expires_on", String(10)),
    Column("disputed", String(80)),
)
OPERATIONS: Final = Table(
    "fuyuan_operations",
    OWN,
    Column("op_id", String(64), primary_key=True),
    Column("done_at", DateTime, nullable=False, server_default=func.current_timestamp()),
)
TOLD: Final = (
    "legal_basis",
    "executing_department",
    "contact",
    "explanation",
    "court",
    "case_number",
    "expires_on",
    "disputed",
)


class MappingError(ValueError):
    """The mapping file does not describe a register. The message names the member."""


class RegisterAway(ConnectionError):
    """The database cannot be reached, or refuses; the operation may be tried again."""


@dataclass(frozen=True, slots=True)
class RegisterMapping:
    """`identifiers`: scheme -> column. `held` is None where the register has no column for it."""

    table: str
    row: str
    name: str
    identifiers: Mapping[str, str]
    held: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the register, with its identifiers as (scheme, value)."""

    id: str
    name: str | None
    identifiers: tuple[tuple[str, str], ...]


def read_mapping(path: Path) -> RegisterMapping:
    """Raises MappingError where the file is no TOML, lacks a member or has an unknown one."""
    try:
        members = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise MappingError("the register's mapping is no TOML") from None
    known = {"table", "row", "name", "held", "identifiers"}
    if set(members) - known or known - set(members) - {"held"}:
        raise MappingError(f"the register's mapping has the members {', '.join(sorted(known))}; held may be left out")
    identifiers = members.pop("identifiers")
    if not isinstance(identifiers, dict) or not identifiers or set(identifiers) - set(get_args(Scheme)):
        raise MappingError("identifiers: one column or more, each under a scheme that is known")
    if not all(isinstance(value, str) and value for value in (*members.values(), *identifiers.values())):
        raise MappingError("every member is the name of a table or column")
    return RegisterMapping(identifiers=identifiers, **members)


class SqlRegister:
    """The register behind a SQLAlchemy URL. Every call may be made from any thread, and again."""

    def __init__(self, url: str, mapping: RegisterMapping) -> None:
        """Makes the two tables of ours where they or columns of theirs are missing; where it may not add a column, that
        is told to nobody. Raises RegisterAway.
        """
        self._mapping = mapping
        names = [mapping.row, mapping.name, *mapping.identifiers.values(), *filter(None, [mapping.held])]
        self._table = table(mapping.table, *(column(name) for name in dict.fromkeys(names)))
        self._engine = create_engine(url, hide_parameters=True)
        with self._begin() as connection:
            OWN.create_all(connection)
            missing = _missing(connection)
        self._told: tuple[str, ...] = TOLD
        if missing:
            try:
                with self._begin() as connection:
                    _widen(connection, missing)
            except (RegisterAway, KeyError):  # no right to, or a database that Alembic has no words for
                self._told = tuple(name for name in TOLD if name not in missing)

    def close(self) -> None:
        self._engine.dispose()

    def find(self, wanted: Sequence[tuple[str, str]]) -> list[Row]:
        """Rows with any of these (scheme, value) identifiers. A credit code and the organisation code inside it find
        each other. Raises RegisterAway.
        """
        found: dict[str, Row] = {}
        with self._begin() as connection:
            for start in range(0, len(wanted), AT_ONCE):
                tests = list(self._tests(wanted[start : start + AT_ONCE]))
                if tests:
                    rows = connection.execute(select(self._table).where(or_(*tests))).mappings()
                    found |= {row.id: row for row in map(self._row, rows)}
        return list(found.values())

    def hold(self, op_id: str, row: str, measure: str, order: Mapping[str, JsonValue]) -> None:
        """Hold a row under a measure. Raises RegisterAway."""
        told = {name: order.get(name) for name in self._told}
        with self._once(op_id) as connection:
            if connection is None:
                return
            held = update(HOLDS).where(HOLDS.c.row == row, HOLDS.c.measure == measure)
            if not connection.execute(held.values(op_id=op_id, **told)).rowcount:  # `held_at` stays where it is held
                connection.execute(insert(HOLDS).values(row=row, measure=measure, op_id=op_id, **told))
            self._mark(connection, row)

    def release(self, op_id: str, row: str, measure: str) -> None:
        """Undo `hold`. Raises RegisterAway."""
        with self._once(op_id) as connection:
            if connection is None:
                return
            self._let_go(connection, row, measure)
            self._mark(connection, row)

    def _tests(self, wanted: Iterable[tuple[str, str]]) -> Iterator[ColumnElement[bool]]:
        spelled: dict[str, set[str]] = {}
        for scheme, value in wanted:
            spelled.setdefault(scheme, set()).update(_spellings(scheme, value))
            if scheme == "cn-uscc":
                spelled.setdefault("cn-org", set()).update(_spellings("cn-org", org_code_of(value)))
        for scheme, name in self._mapping.identifiers.items():
            cell = self._table.c[name]
            if spelled.get(scheme):
                yield cell.in_(sorted(spelled[scheme]))
            if scheme == "cn-uscc" and spelled.get("cn-org"):
                yield func.substr(cell, 9, 9).in_(sorted(code for code in spelled["cn-org"] if "-" not in code))

    def _row(self, row: RowMapping) -> Row:
        name = row[self._mapping.name]
        return Row(
            str(row[self._mapping.row]),
            None if name is None else str(name),
            tuple(
                (scheme, str(row[cell]).strip()) for scheme, cell in self._mapping.identifiers.items() if row[cell]
            ),
        )  # fmt: skip

    def _let_go(self, connection: Connection, row: str, measure: str) -> None:
        connection.execute(delete(HOLDS).where(HOLDS.c.row == row, HOLDS.c.measure == measure))

    def _mark(self, connection: Connection, row: str) -> None:
        """The register's own column says whether any measure holds the row."""
        if self._mapping.held is None:
            return
        held = connection.execute(select(HOLDS.c.row).where(HOLDS.c.row == row).limit(1)).first() is not None
        connection.execute(
            update(self._table)
            .where(cast(self._table.c[self._mapping.row], String) == row)
            .values({self._mapping.held: int(held)})
        )

    @contextmanager
    def _once(self, op_id: str) -> Iterator[Connection | None]:
        """A transaction that counts once for the operation; None where it was done before."""
        with self._begin() as connection:
            if connection.execute(select(OPERATIONS.c.op_id).where(OPERATIONS.c.op_id == op_id)).first():
                yield None
                return
            connection.execute(insert(OPERATIONS).values(op_id=op_id))
            yield connection

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise RegisterAway(type(error).__name__) from None


def _missing(connection: Connection) -> set[str]:
    """The columns that have been added since an older version made the table."""
    return {one.name for one in HOLDS.columns} - {one["name"] for one in inspect(connection).get_columns(HOLDS.name)}


def _widen(connection: Connection, missing: set[str]) -> None:
    operations = Operations(MigrationContext.configure(connection))
    for added in HOLDS.columns:
        if added.name in missing:
            operations.add_column(HOLDS.name, Column(added.name, added.type))


def _spellings(scheme: str, value: str) -> set[str]:
    """How a register may have written a code that is known in its one spelling."""
    if scheme == "cn-org":
        return {value, value.replace("-", "")}
    if scheme == "cn-id":
        return {value, value.lower()}
    return {value}
