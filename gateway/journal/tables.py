"""The journal's tables, one definition for SQLite and PostgreSQL.

    journal_head                    one row: how many positions and leaves stand (rule J2)
    journal_leaf, journal_node      what the tree hashes, and its perfect subtrees
    entry, secret                   one record version at one position (J6), and its wrapped 32 bytes (S3)
    source_key                      which record a source's own key names, for its delete lists
    submission, quarantine          one idempotency key and how far it got (J3); what was not accepted, and why
    party, party_key                who takes part, with which keys
    contract, contract_version, activation   who may see what, since which position (D6)
    lane, delivery_log, provision   what was routed (D2), and what was shown
    kafka_lane                      how far a lane's topic is fed, and by whom (D9)
    request_nonce                   signatures already used (P2)
    control_request, control_answer, control_clock   how each control request stands, and what is owed by when

Times are text as `gateway.clock.stamp` writes them, which sorts as time does. A change here needs a revision in
`gateway/journal/migrations/versions`; a test compares the two.
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
from sqlalchemy.types import TypeEngine

metadata = MetaData()


def text(length: int | None = None) -> TypeEngine[str]:
    """Text that sorts and compares by its bytes on both engines.

    PostgreSQL would follow the system's locale: another order, and broken indexes after the system's next upgrade.
    """
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
    Column("opening", LargeBinary),  # what opens a batch's submission commitment, wrapped (S5)
    Column("appended_at", text(24), nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("traceparent", text(55)),  # of the span that appended it, for whoever passes it on; nothing that is sealed
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
    Column("body", LargeBinary),  # encrypted; null once erased (J7)
    Column("content_mac", LargeBinary, nullable=False),  # keyed, so that it tells nothing by itself (J4)
    Column("published_on", text(10)),
    Column("previous", BigInteger),
    Column("superseded_by", BigInteger),
    Column("suspended", Boolean),  # of a withdrawn version: the enforcement rests, and may be resumed (J4)
    postgresql_with={"toast_tuple_target": 8160},  # a row stays whole: its bytes do not compress
)
# No two versions of one record carry one revision: so what was decided against a head that has moved is refused (J4).
Index("entry_version", entry.c.feed, entry.c.provider, entry.c.record_id, entry.c.revision, unique=True)
Index("entry_walk", entry.c.feed, entry.c.provider, entry.c.position)
# How a lane walks: past a hundred thousand listings to the next withdrawal in one look.
Index("entry_status", entry.c.feed, entry.c.provider, entry.c.status, entry.c.position)

secret = Table(
    "secret",
    metadata,
    Column("position", BigInteger, ForeignKey("entry.position"), primary_key=True, autoincrement=False),
    Column("wrapped", LargeBinary, nullable=False),
)

source_key = Table(
    "source_key",
    metadata,
    Column("provider", text(64), primary_key=True),
    Column("feed", text(32), primary_key=True),
    Column("key", text(52), primary_key=True),  # under the provider's record key
    Column("record_id", text(64), nullable=False),  # empty where the key is of two records
    Column("superseded", Boolean, nullable=False),  # the record came under another key since
)
Index("source_key_record", source_key.c.provider, source_key.c.feed, source_key.c.record_id)

submission = Table(
    "submission",
    metadata,
    Column("provider", text(64), primary_key=True),
    Column("key", text(128), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("batches", Integer, nullable=False),  # how many were journalled, in the order of the cut
    Column("result", LargeBinary, nullable=False),  # JSON: headers, counts, quarantine ids so far
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
    Column("raw", LargeBinary, nullable=False),  # encrypted
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
    Column("version", Integer, nullable=False),  # the version in force
)

contract_version = Table(
    "contract_version",
    metadata,
    Column("contract", text(64), ForeignKey("contract.id"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", LargeBinary, nullable=False),  # {"terms", "signatures"}, canonical
)

# Every change of what a contract covers, at its position in the journal. Each lane walks them in order (D6).
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
    Column("routed", BigInteger, nullable=False),  # the journal position up to which numbers are decided
    Column("compared", BigInteger, nullable=False),  # within an activation: the entry position compared so far
    Column("last", BigInteger, nullable=False),  # the last number given
    Column("shown", BigInteger, nullable=False),  # the last number handed out
    Column("acknowledged", BigInteger, nullable=False),  # receipts cover every number up to this one
)

# One row a run of numbers; `packed` holds 17 bytes a number: position, cause, kind (see delivery/log.py).
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

# A row for each lane of a contract that names Kafka. Who feeds it holds it until `until`; each claim counts `epoch` on,
# so that what an owner writes who lost it without noticing finds no row (rule D9).
kafka_lane = Table(
    "kafka_lane",
    metadata,
    Column("contract", text(64), ForeignKey("contract.id"), primary_key=True),
    Column("lane", text(8), primary_key=True),
    Column("sent", BigInteger, nullable=False),  # the last number that the broker has acknowledged
    Column("owner", text(32), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("until", text(24), nullable=False),  # empty while nobody holds it
)

# What was shown: the record of provision that the law wants kept three years (网络数据安全管理条例 art. 12).
provision = Table(
    "provision",
    metadata,
    Column("contract", text(64), primary_key=True),
    Column("lane", text(8), primary_key=True),
    Column("first", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, primary_key=True),
    Column("numbers", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("leaves", LargeBinary, nullable=False),  # 32 bytes a number: the delivery leaf hashes
    Column("shown_at", text(24), nullable=False),
)

# How each control request stands (docs/enforcement-control.md): derived from the records, in their own transactions.
control_request = Table(
    "control_request",
    metadata,
    Column("court", text(64), primary_key=True),
    Column("request", text(64), primary_key=True),  # its record id
    Column("police", text(64), nullable=False),
    Column("valid_until", text(10), nullable=False),
    Column("cancelled_at", text(24)),
)

control_answer = Table(
    "control_answer",
    metadata,
    Column("police", text(64), primary_key=True),
    Column("answer", text(64), primary_key=True),  # its record id
    Column("court", text(64), nullable=False),
    Column("request", text(64), nullable=False),
    Column("said", text(16), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
)
Index("control_answer_request", control_answer.c.court, control_answer.c.request, control_answer.c.position)

# What is owed by when; `answer` names the sighting that was told too late, and is empty for all else.
control_clock = Table(
    "control_clock",
    metadata,
    Column("court", text(64), primary_key=True),
    Column("request", text(64), primary_key=True),
    Column("owed", text(16), primary_key=True),
    Column("answer", text(64), primary_key=True),
    Column("police", text(64), nullable=False),
    Column("due_at", text(24), nullable=False),
    Column("ended_at", text(24)),  # it was done, or is owed no more
    Column("missed_at", text(24)),  # the journal says so
)
Index("control_clock_due", control_clock.c.ended_at, control_clock.c.missed_at, control_clock.c.due_at)

request_nonce = Table(
    "request_nonce",
    metadata,
    Column("kid", text(43), primary_key=True),
    Column("nonce", text(64), primary_key=True),
    Column("until", text(24), nullable=False, index=True),
)
