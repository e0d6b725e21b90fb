"""How far each lane's topic is fed, and by whom (rule D9).

Revision: 0002, behind 0001
"""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, String
from sqlalchemy.types import TypeEngine

revision = "0002"
down_revision = "0001"


def text(length: int) -> TypeEngine[str]:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "kafka_lane",
        Column("contract", text(64), ForeignKey("contract.id"), primary_key=True),
        Column("lane", text(8), primary_key=True),
        Column("sent", BigInteger, nullable=False),
        Column("owner", text(32), nullable=False),
        Column("epoch", BigInteger, nullable=False),
        Column("until", text(24), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("kafka_lane")
