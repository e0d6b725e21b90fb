"""The journal's tables, one definition for SQLite and PostgreSQL.

    journal_head                    one row: how many positions and leaves stand (rule J2)
    journal_leaf, journal_node      what the tree hashes, and its perfect subtrees
    entry, secret                   one record version at one position (J6), and its wrapped 32 bytes (S3)
    submission, quarantine          one idempotency key and how far it got (J3); what was not accepted, and why
    party, party_key                who takes part, with which keys
    contract, contract_version, activation   who may see what, since which position (D6)
    lane, delivery_log, provision   what was routed (D2), and what was shown
    request_nonce                   signatures already used (P2)

Times are text as `gateway.clock.stamp` writes them, which sorts as time does.
"""

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

metadata = MetaData()

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
    Column("kind", String(16), nullable=False),
    Column("document", LargeBinary, nullable=False),
    Column("opening", LargeBinary),  # what opens a batch's submission commitment, wrapped (S5)
    Column("appended_at", String(24), nullable=False),
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
    Column("feed", String(32), nullable=False),
    Column("schema_version", SmallInteger, nullable=False),
    Column("provider", String(64), nullable=False),
    Column("record_id", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("status", String(16), nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("digests", LargeBinary, nullable=False),
    Column("body", LargeBinary),  # encrypted; null once erased (J7)
    Column("content_mac", LargeBinary, nullable=False),  # keyed, so that it tells nothing by itself (J4)
    Column("published_on", String(10)),
    Column("previous", BigInteger),
    Column("superseded_by", BigInteger),
)
# No two versions of one record may carry one revision: the last guard behind the head check (J4).
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
    Column("provider", String(64), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("batches", Integer, nullable=False),  # how many were journalled, in the order of the cut
    Column("result", LargeBinary, nullable=False),  # JSON: headers, counts, quarantine ids so far
    Column("finished", Boolean, nullable=False),
    Column("started_at", String(24), nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("provider", String(64), nullable=False),
    Column("feed", String(32), nullable=False),
    Column("submission", String(128), nullable=False),
    Column("line", Integer, nullable=False),
    Column("code", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("raw", LargeBinary, nullable=False),  # encrypted
    Column("at", String(24), nullable=False),
)

party = Table(
    "party",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

party_key = Table(
    "party_key",
    metadata,
    Column("kid", String(43), primary_key=True),
    Column("party", String(64), ForeignKey("party.id"), nullable=False),
    Column("jwk", LargeBinary, nullable=False),
)

contract = Table(
    "contract",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("feed", String(32), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("subscriber", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),  # the version in force
)

contract_version = Table(
    "contract_version",
    metadata,
    Column("contract", String(64), ForeignKey("contract.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", LargeBinary, nullable=False),  # {"terms", "signatures"}, canonical
)

# Every change of what a contract covers, at its position in the journal. Each lane walks them in order (D6).
activation = Table(
    "activation",
    metadata,
    Column("contract", String(64), ForeignKey("contract.id"), primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", String(16), nullable=False),
)

lane = Table(
    "lane",
    metadata,
    Column("contract", String(64), ForeignKey("contract.id"), primary_key=True),
    Column("lane", String(8), primary_key=True),
    Column("routed", BigInteger, nullable=False),  # the journal position up to which numbers are decided
    Column("compared", BigInteger, nullable=False),  # within an activation: the entry position compared so far
    Column("last", BigInteger, nullable=False),  # the last number given
    Column("shown", BigInteger, nullable=False),  # the last number handed out
    Column("acknowledged", BigInteger, nullable=False),  # the last number a receipt covers
)

# One row a run of numbers; `packed` holds 17 bytes a number: position, cause, kind (see delivery/log.py).
delivery_log = Table(
    "delivery_log",
    metadata,
    Column("contract", String(64), primary_key=True),
    Column("lane", String(8), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("numbers", Integer, nullable=False),
    Column("packed", LargeBinary, nullable=False),
    Column("routed_at", String(24), nullable=False),
)

# What was shown: the record of provision that the law wants kept three years (网络数据安全管理条例 art. 12).
provision = Table(
    "provision",
    metadata,
    Column("contract", String(64), primary_key=True),
    Column("lane", String(8), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, primary_key=True),
    Column("numbers", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("leaves", LargeBinary, nullable=False),  # 32 bytes a number: the delivery leaf hashes
    Column("shown_at", String(24), nullable=False),
)

request_nonce = Table(
    "request_nonce",
    metadata,
    Column("kid", String(43), primary_key=True),
    Column("nonce", String(64), primary_key=True),
    Column("until", String(24), nullable=False, index=True),
)
