"""How each control request stands, what was answered to it, and what is owed by when.

Revision: 0006, behind 0005
"""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, String
from sqlalchemy.types import TypeEngine

revision = "0006"
down_revision = "0005"


def text(length: int) -> TypeEngine[str]:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "control_request",
        Column("court", text(64), primary_key=True),
        Column("request", text(64), primary_key=True),
        Column("police", text(64), nullable=False),
        Column("valid_until", text(10), nullable=False),
        Column("cancelled_at", text(24)),
    )
    op.create_table(
        "control_answer",
        Column("police", text(64), primary_key=True),
        Column("answer", text(64), primary_key=True),
        Column("court", text(64), nullable=False),
        Column("request", text(64), nullable=False),
        Column("said", text(16), nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("withdrawn", Boolean, nullable=False),
    )
    op.create_index("control_answer_request", "control_answer", ["court", "request", "position"])
    op.create_table(
        "control_clock",
        Column("court", text(64), primary_key=True),
        Column("request", text(64), primary_key=True),
        Column("owed", text(16), primary_key=True),
        Column("answer", text(64), primary_key=True),
        Column("police", text(64), nullable=False),
        Column("due_at", text(24), nullable=False),
        Column("ended_at", text(24)),
        Column("missed_at", text(24)),
    )
    op.create_index("control_clock_due", "control_clock", ["ended_at", "missed_at", "due_at"])


def downgrade() -> None:
    op.drop_table("control_clock")
    op.drop_table("control_answer")
    op.drop_table("control_request")
