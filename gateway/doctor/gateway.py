"""What ails a gateway: looked at from its own machine, with its settings, whether or not it runs."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from gateway.admin.registry import Registry
from gateway.clock import Clock
from gateway.doctor.broker import check_broker
from gateway.doctor.contracts import check_contracts
from gateway.doctor.finding import Finding
from gateway.doctor.keys import check_key_files, check_keyring
from gateway.doctor.lag import check_lag, check_quarantine
from gateway.doctor.machine import check_clock, check_database, check_database_file
from gateway.errors import FuyuanError, Refused, Unavailable
from gateway.journal.engine import JournalEngine, open_engine
from gateway.settings import Settings
from gateway.trust.keyring import Keyring, load_keyring
from gateway.wiring import open_reconciler

LOOK_AT_URL: Final = (
    "See that it runs, and that FUYUAN_DATABASE_URL names host, port, user and database rightly; "
    "docs/operations.md says where the password stands and which rights the user needs."
)
# SQLSTATE classes and codes: who asks is not let in, there is no such database, this user may not.
_REFUSING: Final = ("28", "3D000", "42501")


async def examine_gateway(settings: Settings, clock: Clock) -> list[Finding]:
    """Every finding; `ok` for each area in which there is none."""
    found = check_key_files(settings.key_dir)
    keyring: Keyring | None = None
    if not found:
        try:
            keyring = load_keyring(settings.key_dir, settings.party, clock)
        except FuyuanError as error:
            found.append(Finding("error", "keys", error.code, error.detail))
    found += _database_file(settings)
    if any(one.code == "database-missing" for one in found):
        return found
    try:
        engine = open_engine(settings.database_url)
    except Refused as error:
        return [*found, Finding("error", "database", error.code, error.detail, "Mend the setting.")]
    try:
        return found + await _examine_database(engine, settings, clock, keyring)
    except OperationalError:
        return [*found, _away(engine)]
    except Unavailable as error:
        return [*found, Finding("error", "database", error.code, error.detail, LOOK_AT_URL)]
    except SQLAlchemyError as error:
        return [*found, _refused() if _is_refusal(error) else _foreign(error)]
    finally:
        await engine.dispose()


async def _examine_database(
    engine: JournalEngine, settings: Settings, clock: Clock, keyring: Keyring | None
) -> list[Finding]:
    found = await check_database(engine)
    if any(one.code == "schema-outdated" for one in found):
        return found  # the tables may be others than those that are asked below
    async with engine.connect() as connection:
        now = clock.now()
        if keyring is not None:
            keys = await check_keyring(connection, keyring, now)
            found += keys or [Finding("ok", "keys", "keys", "Three key files, closed, current, of this database.")]
        found += await check_clock(connection, now, timedelta(seconds=settings.signature_skew_seconds))
        found += await check_contracts(connection, now, kafka=settings.kafka_bootstrap is not None)
        found += await check_lag(connection, now, timedelta(seconds=settings.ready_lag_seconds))
        found += await check_quarantine(connection, now)
    if settings.kafka_bootstrap is not None and keyring is not None:
        found += await check_broker(partial(open_reconciler, settings, engine, Registry(engine, clock, keyring)))
    return found


def _database_file(settings: Settings) -> list[Finding]:
    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        return []  # `open_engine` says so
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return []
    return check_database_file(Path(url.database))


def _away(engine: JournalEngine) -> Finding:
    where = "The journal's file cannot be opened" if engine.dialect.name == "sqlite" else "PostgreSQL does not answer"
    return Finding("error", "database", "database-away", f"{where}.", LOOK_AT_URL)


def _is_refusal(error: SQLAlchemyError) -> bool:
    state = getattr(getattr(error, "orig", None), "sqlstate", None)
    return isinstance(state, str) and state.startswith(_REFUSING)


def _refused() -> Finding:
    text = "PostgreSQL does not let this user in, or has no such database."
    return Finding("error", "database", "database-refused", text, LOOK_AT_URL)


def _foreign(error: SQLAlchemyError) -> Finding:
    return Finding(
        "error",
        "database",
        "database-foreign",
        f"The database does not hold this fuyuan's tables ({type(error).__name__}).",
        "Start the gateway once, or point FUYUAN_DATABASE_URL at its database.",
    )
