"""The trace under which a leaf was appended, so that its delivery goes on in it.

Revision: 0003, behind 0002
"""

from alembic import op
from sqlalchemy import Column, String

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    text = String(55).with_variant(String(55, collation="C"), "postgresql")
    op.add_column("journal_leaf", Column("traceparent", text))


def downgrade() -> None:
    op.drop_column("journal_leaf", "traceparent")
