"""The journal as it was first published.

Revision: 0001, the first one
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

revision = "0001"
down_revision = None

# A copy that stays as it is, while gateway/journal/tables.py moves on.
metadata = MetaData()


def text(length: int | None = None) -> TypeEngine[str]:
    plain, exact = (Text(), Text(collation="C")) if length is None else (String(length), String(length, collation="C"))
    return plain.with_variant(exact, "postgresql")


journal_head = Table(
    "journal_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("leaves", BigInteger, nullable=False),
)

journal_leaf = Table(
    "journal_leaf",
    metadata,
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("first_position", BigInteger, nullable=False, unique=True),
    Column("positions", Integer, nullable=False),
    Column("kind", text(16), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("opening", LargeBinary),
    Column("appended_at", text(24), nullable=False),
    Column("hash", LargeBinary, nullable=False),
)

journal_node = Table(
    "journal_node",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("idx", BigInteger, primary_key=True, autoincrement=False),
    Column("hash", LargeBinary, nullable=False),
)

entry = Table(
    "entry",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("leaf", BigInteger, ForeignKey("journal_leaf.idx"), nullable=False),
    Column("feed", text(32), nullable=False),
    Column("schema_version", SmallInteger, nullable=False),
    Column("provider", text(64), nullable=False),
    Column("record_id", text(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("status", text(16), nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("digests", LargeBinary, nullable=False),
    Column("body", LargeBinary),
    Column("content_mac", LargeBinary, nullable=False),
    Column("published_on", text(10)),
    Column("previous", BigInteger),
    Column("superseded_by", BigInteger),
    postgresql_with={"toast_tuple_target": 8160},
)
Index("entry_version", entry.c.feed, entry.c.provider, entry.c.record_id, entry.c.revision, unique=True)
Index("entry_walk", entry.c.feed, entry.c.provider, entry.c.position)
Index("entry_leaf", entry.c.leaf)

secret = Table(
    "secret",
    metadata,
    Column("position", BigInteger, ForeignKey("entry.position"), primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
)

submission = Table(
    "submission",
    metadata,
    Column("provider", text(64), primary_key=True),
    Column("key", text(128), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("batches", Integer, nullable=False),
    Column("result", LargeBinary, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("started_at", text(24), nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", text(32), primary_key=True),
    Column("provider", text(64), nullable=False),
    Column("feed", text(32), nullable=False),
    Column("submission", text(128), nullable=False),
    Column("line", Integer, nullable=False),
    Column("code", text(32), nullable=False),
    Column("reason", text(), nullable=False),
    Column("raw", LargeBinary, nullable=False),
    Column("at", text(24), nullable=False),
)

party = Table(
    "party",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

party_key = Table(
    "party_key",
    metadata,
    Column("kid", text(43), primary_key=True),
    Column("party", text(64), ForeignKey("party.id"), nullable=False),
    Column("jwk", LargeBinary, nullable=False),
)

contract = Table(
    "contract",
    metadata,
    Column("id", text(64), primary_key=True),
    Column("feed", text(32), nullable=False),
    Column("provider", text(64), nullable=False),
    Column("subscriber", text(64), nullable=False),
    Column("state", text(16), nullable=False),
    Column("version", Integer, nullable=False),
)

contract_version = Table(
    "contract_version",
    metadata,
    Column("contract", text(64), ForeignKey("contract.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

activation = Table(
    "activation",
    metadata,
    Column("contract", text(64), ForeignKey("contract.id"), primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", text(16), nullable=False),
)

lane = Table(
    "lane",
    metadata,
    Column("contract", text(64), ForeignKey("contract.id"), primary_key=True),
    Column("lane", text(8), primary_key=True),
    Column("routed", BigInteger, nullable=False),
    Column("compared", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("shown", BigInteger, nullable=False),
    Column("acknowledged", BigInteger, nullable=False),
)

delivery_log = Table(
    "delivery_log",
    metadata,
    Column("contract", text(64), primary_key=True),
    Column("lane", text(8), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("numbers", Integer, nullable=False),
    Column("packed", LargeBinary, nullable=False),
    Column("routed_at", text(24), nullable=False),
)

provision = Table(
    "provision",
    metadata,
    Column("contract", text(64), primary_key=True),
    Column("lane", text(8), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, primary_key=True),
    Column("numbers", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("leaves", LargeBinary, nullable=False),
    Column("shown_at", text(24), nullable=False),
)

request_nonce = Table(
    "request_nonce",
    metadata,
    Column("kid", text(43), primary_key=True),
    Column("nonce", text(64), primary_key=True),
    Column("until", text(24), nullable=False, index=True),
)


def upgrade() -> None:
    metadata.create_all(op.get_bind(), checkfirst=False)
    op.execute(journal_head.insert().values(id=1, size=0, leaves=0))


def downgrade() -> None:
    metadata.drop_all(op.get_bind(), checkfirst=False)
