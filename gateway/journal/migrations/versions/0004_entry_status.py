"""An index by which each lane finds its next entry; a batch's entries are found by its positions.

Revision: 0004, behind 0003
"""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_index("entry_status", "entry", ["feed", "provider", "status", "position"])
    op.drop_index("entry_leaf", "entry")


def downgrade() -> None:
    op.create_index("entry_leaf", "entry", ["leaf"])
    op.drop_index("entry_status", "entry")
