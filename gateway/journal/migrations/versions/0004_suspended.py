"""Whether a withdrawn version may be resumed: the enforcement rests, and the record was not deleted.

Revision: 0004, behind 0003
"""

from alembic import op
from sqlalchemy import Boolean, Column

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("entry", Column("suspended", Boolean))


def downgrade() -> None:
    op.drop_column("entry", "suspended")
