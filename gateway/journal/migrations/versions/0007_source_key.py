"""By which keys of their own sources name records, for delete lists that say nothing else.

Revision: 0007, behind 0006
"""

from alembic import op
from sqlalchemy import Boolean, Column, String
from sqlalchemy.types import TypeEngine

revision = "0007"
down_revision = "0006"


def text(length: int) -> TypeEngine[str]:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "source_key",
        Column("provider", text(64), primary_key=True),
        Column("feed", text(32), primary_key=True),
        Column("key", text(52), primary_key=True),
        Column("record_id", text(64), nullable=False),
        Column("superseded", Boolean, nullable=False),
    )
    op.create_index("source_key_record", "source_key", ["provider", "feed", "record_id"])


def downgrade() -> None:
    op.drop_table("source_key")
