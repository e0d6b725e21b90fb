"""A front-end table in PostgreSQL or MariaDB. It is a department's own: read without locks, and written to only where
its mapping names a column of states.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

import asyncpg
import orjson
from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    MetaData,
    RowMapping,
    Select,
    Table,
    and_,
    func,
    make_url,
    select,
    tuple_,
    update,
)
from sqlalchemy.exc import ArgumentError, DataError, NoSuchTableError, ProgrammingError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from adapters.fronts.mapping import FrontMapping
from schemas.canonical import JsonObject, JsonValue
from schemas.front import Brake, By, FrontAway, FrontFault, FrontRow

PAGE: Final = 1000  # rows in memory at once
DRIVERS: Final = {
    "postgresql": ("postgresql+asyncpg", {"timeout": 10}),
    "mysql": ("mysql+asyncmy", {"connect_timeout": 10}),
    "mariadb": ("mysql+asyncmy", {"connect_timeout": 10}),
}


class SqlFront:
    """The table behind a SQLAlchemy URL, as its mapping describes it."""

    def __init__(self, url: str, mapping: FrontMapping, password: str | None = None) -> None:
        """`password` goes before one in the URL. Raises FrontFault for a URL of another database."""
        try:
            parsed = make_url(url).set(password=password)
            driver, arguments = DRIVERS[parsed.get_backend_name()]
        except (ArgumentError, KeyError):
            raise FrontFault("the front-end database's URL is neither PostgreSQL's nor MariaDB's") from None
        self._engine = create_async_engine(
            parsed.set(drivername=driver), hide_parameters=True, pool_pre_ping=True, connect_args=arguments
        )
        self._mapping = mapping

    @property
    def feed(self) -> str:
        return self._mapping.feed

    @property
    def by(self) -> By:
        return self._mapping.changes.by

    @property
    def brake(self) -> Brake:
        return Brake(self._mapping.brake.percent, self._mapping.brake.rows)

    @property
    def gone_reason(self) -> str | None:
        return self._mapping.deletions.gone

    async def close(self) -> None:
        await self._engine.dispose()

    async def all(self) -> AsyncGenerator[list[FrontRow], None]:
        """Every row, from one statement and so from one moment."""
        async with self._open() as (connection, table):
            result = await connection.stream(select(table).execution_options(yield_per=PAGE))
            names = tuple(result.keys())
            async for page in result.partitions(PAGE):
                yield [self._row(dict(zip(names, row, strict=True))) for row in page]

    async def fresh(self, position: str | None) -> AsyncGenerator[tuple[list[FrontRow], str | None], None]:
        """By watermark: from a little before `position`, for what commits late carries an earlier mark (as rule J2)."""
        reached, last = position, None
        while True:
            async with self._open() as (connection, table):
                page = (await connection.execute(self._next(table, position, last))).mappings().all()
                if not page:
                    return
                if self.by == "watermark":
                    reached = await _reached(connection, page[-1][self._mapping.changes.column or ""])
            last = page[-1]
            yield [self._row(dict(row)) for row in page], reached

    async def rows(self, keys: Sequence[str]) -> list[FrontRow]:
        wanted = [tuple(orjson.loads(key)) for key in keys]
        async with self._open() as (connection, table):
            of_key = tuple_(*(table.c[name] for name in self._mapping.key))
            found = (await connection.execute(select(table).where(of_key.in_(wanted)))).mappings().all()
        rows = {row.key: row for row in (self._row(dict(row)) for row in found)}
        return [rows[key] for key in keys if key in rows]

    async def mark(self, verdicts: Sequence[tuple[FrontRow, str | None]]) -> None:
        """Only where every column is as it was read: what was written meanwhile waits for its turn."""
        changes = self._mapping.changes
        if changes.column is None or changes.taken is None or changes.refused is None:
            return
        async with self._open() as (connection, table):
            for row, code in verdicts:
                said = {changes.column: _typed(table.c[changes.column], changes.refused if code else changes.taken)}
                if changes.verdict is not None:
                    said[changes.verdict] = code
                same = [table.c[name].is_not_distinct_from(row.cells[name]) for name in row.cells.keys() - said.keys()]
                state = table.c[changes.column] == row.cells[changes.column]
                if str(row.cells[changes.column]) not in changes.new:
                    continue
                await connection.execute(update(table).where(state, *same).values(said))
            await connection.commit()

    async def sent(self) -> None:
        """A table is read again each time."""

    def _next(self, table: Table, position: str | None, last: RowMapping | None) -> "Select[tuple[object, ...]]":
        """The page behind the row `last`."""
        changes = self._mapping.changes
        if changes.column is None:
            raise FrontFault("by refresh there is no column of what is new")
        column, key = table.c[changes.column], [table.c[name] for name in self._mapping.key]
        where: list[ColumnElement[bool]]
        if changes.by == "state":
            order, where = key, [column.in_([_typed(column, value) for value in changes.new])]
        else:
            order = [column, *key]
            where = [column.is_not(None)]
            if position is not None:
                where.append(column >= _earlier(position, changes.overlap))
        if last is not None:
            where.append(_behind(order, last))
        return select(table).where(and_(*where)).order_by(*order).limit(PAGE)

    def _row(self, cells: Mapping[str, object]) -> FrontRow:
        mapping = self._mapping
        key = [cells[name] for name in mapping.key]
        if not all(type(part) in {int, str} for part in key):
            raise FrontFault(
                f"{mapping.table}.{', '.join(mapping.key)}: a key is whole numbers or text, and never null"
            )
        named: JsonObject = {member: _value(cells[name]) for member, name in mapping.named.items()}
        deletions = mapping.deletions
        deleted = deletions.column is not None and str(cells[deletions.column]) in deletions.values
        line: JsonObject = {member: _value(cells[name]) for member, name in mapping.columns.items()}
        if deleted:
            why = None if deletions.reason is None else _value(cells[deletions.reason])
            line = {**named, "status": "withdrawn", **({"status_reason": str(why)} if why else {})}
        return FrontRow(orjson.dumps(key).decode(), line, named, deleted, cells)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[tuple[AsyncConnection, Table]]:
        """A connection, and the table as it is now. Raises FrontAway, FrontFault."""
        try:
            async with self._engine.connect() as connection:
                yield connection, await connection.run_sync(self._reflected)
        except (ProgrammingError, DataError) as error:
            raise FrontFault(
                f"{self._mapping.table}: not as it is mapped, or not ours to use ({type(error).__name__})"
            ) from None
        except (SQLAlchemyError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise FrontAway(type(error).__name__) from None

    def _reflected(self, connection: Connection) -> Table:
        """Raises FrontFault where a column vanished overnight: rows without it would be other records."""
        mapping = self._mapping
        wanted = mapping.all_columns()
        try:
            table = Table(
                mapping.table, MetaData(), schema=mapping.schema_, autoload_with=connection, resolve_fks=False,
                include_columns=wanted,
            )  # fmt: skip
        except NoSuchTableError:
            raise FrontFault(f"{mapping.table}: there is no such table") from None
        if missing := [name for name in wanted if name not in table.c]:
            raise FrontFault(f"{mapping.table}: no column {', '.join(missing)}")
        return table


def _behind(order: Sequence[Column[object]], last: RowMapping) -> ColumnElement[bool]:
    return tuple_(*order) > tuple_(*(last[column.name] for column in order))


def _typed(column: Column[object], text: str) -> object:
    """A value of the mapping as the column has it."""
    try:
        return int(text) if column.type.python_type is int else text
    except (NotImplementedError, ValueError):  # a type of the database's own, or a text that is no number
        return text


async def _reached(connection: AsyncConnection, mark: object) -> str:
    """The position at a mark. A time ahead of the database's own clock would hide all that is written until then."""
    if isinstance(mark, datetime):
        clock = func.now() if mark.tzinfo else func.localtimestamp()
        return f"at {min(mark, (await connection.execute(select(clock))).scalar_one()).isoformat()}"
    if isinstance(mark, int | Decimal) and mark == int(mark):
        return f"no {int(mark)}"
    raise FrontFault("a watermark is a time or a whole number")


def _earlier(position: str, overlap: int) -> object:
    kind, _, value = position.partition(" ")
    return int(value) - overlap if kind == "no" else datetime.fromisoformat(value) - timedelta(seconds=overlap)


def _value(cell: object) -> JsonValue:
    if isinstance(cell, str):  # nearly all
        return cell
    match cell:
        case datetime():
            return cell.isoformat(" ", "seconds") if cell.tzinfo is None else cell.isoformat()
        case date():
            return cell.isoformat()
        case Decimal():
            return format(cell, "f")
        case bytes():
            return _text(cell)
        case int() if abs(cell) >= 2**63:
            return str(cell)
        case None | bool() | int() | float() | list() | dict():
            return cell
    return str(cell)


def _text(cell: bytes) -> str:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell.decode("gb18030", "replace")
