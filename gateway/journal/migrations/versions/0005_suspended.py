"""Whether a withdrawn version may be resumed: the enforcement rests, and the record was not deleted.

Revision: 0005, behind 0004
"""

from alembic import op
from sqlalchemy import Boolean, Column

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("entry", Column("suspended", Boolean))


def downgrade() -> None:
    op.drop_column("entry", "suspended")
