"""What the operator does at the Kafka brokers: see and mend who may do what, and give a party its password."""

import os
import secrets
from pathlib import Path
from typing import Final

from sqlalchemy import select

from gateway.admin.commands import gateway, say
from gateway.delivery.access import Access, user_of
from gateway.delivery.kafka_access import open_brokers
from gateway.errors import Conflict, NotFound
from gateway.journal.tables import party as party_table
from gateway.settings import load_settings
from gateway.wiring import open_reconciler

PASSWORD_BYTES: Final = 32


async def show_access(*, mend: bool) -> int:
    """Print what the contracts want, what stands, and what differs, a JSON line each; 1 where something differs.

    Raises Unavailable (`kafka-unreachable`), Refused (`kafka-refused`, `kafka-settings`).
    """
    settings = load_settings()
    async with gateway(settings) as running:
        reconciler = open_reconciler(settings, running.engine, running.registry)
        compared = await (reconciler.mend() if mend else reconciler.compare())
    _print("wanted", compared.wanted)
    _print("actual", compared.actual)
    for one in compared.drifts:
        say(drift=one.kind, name=one.name, about=one.subject, mendable=one.mendable)
    return 1 if compared.drifts else 0


async def new_user(party: str, file: Path | None) -> None:
    """Make the party's user, or give it a new password; the password is written to a new file and nowhere else.

    Raises NotFound (`unknown-party`), Conflict (`file-exists`), and as `show_access` does.
    """
    settings = load_settings()
    async with gateway(settings) as running, running.engine.connect() as connection:
        known = await connection.execute(select(party_table.c.id).where(party_table.c.id == party))
        if known.first() is None:
            raise NotFound("unknown-party", "No such party; `fuyuan party admit` enters one.")
    brokers = open_brokers(settings)
    user = user_of(party)
    target = file or settings.data_dir / "kafka-users" / f"{user}.password"
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    _write_once(target, password)
    try:
        brokers.set_password(user, password)
    except BaseException:
        target.unlink()
        raise
    say(user=user, password_file=str(target))


def _write_once(target: Path, password: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Conflict(
            "file-exists", "That file is there already: hand it over and remove it, or name another."
        ) from None
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        out.write(password + "\n")


def _print(which: str, access: Access) -> None:
    for topic in sorted(access.topics.values(), key=lambda one: one.name):
        say(**{which: "topic"}, about=topic)
    for acl in sorted(access.acls):
        say(**{which: "acl"}, about=acl)
    for user in sorted(access.users):
        say(**{which: "user"}, about=user)
