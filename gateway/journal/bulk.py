"""Many rows at once, and where the engines have words of their own.

The only place where what is stored is written in another way on each engine; rows and transaction are the same.
"""

from collections.abc import Sequence
from functools import cache
from typing import TypeVar

import asyncpg
from sqlalchemy import Table, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")


async def insert_rows(connection: AsyncConnection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert `rows`, each in the order of the table's columns, inside the caller's open transaction: by COPY on
    PostgreSQL, by an INSERT of each row on SQLite.

    Raises IntegrityError and OperationalError as any insert does.
    """
    if connection.dialect.name != "postgresql":
        # The rows hold what the driver takes as it is: SQLAlchemy would look at each value of each row.
        await connection.exec_driver_sql(_insert_by_place(table), list(rows))
        return
    columns = [column.name for column in table.columns]
    raw = (await connection.get_raw_connection()).driver_connection
    try:
        await raw.copy_records_to_table(table.name, records=rows, columns=columns)  # type: ignore[union-attr]
    except asyncpg.IntegrityConstraintViolationError as error:
        raise IntegrityError(None, None, error, hide_parameters=True) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise OperationalError(None, None, error, hide_parameters=True) from error


@cache
def _insert_by_place(table: Table) -> str:
    return str(insert(table).compile(dialect=sqlite.dialect()))


async def insert_unless_there(connection: AsyncConnection, table: Table, values: dict[str, object]) -> None:
    """Insert one row, or leave the one that stands under its key."""
    if connection.dialect.name == "postgresql":
        await connection.execute(postgresql.insert(table).values(values).on_conflict_do_nothing())
    else:
        await connection.execute(sqlite.insert(table).values(values).on_conflict_do_nothing())


def padded(values: list[T]) -> list[T]:
    """The last one again, up to a power of two: for an `IN` of each length an engine prepares its own statement."""
    return values + values[-1:] * ((1 << (len(values) - 1).bit_length()) - len(values))
