"""What waits is counted by problem, and what was ever done is listed, without reading the rows."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    open_ = sa.text("resolved_at IS NULL")
    op.create_index("ix_dead_letter_open_issue", "dead_letter", ["issue_id"],
                    sqlite_where=open_, postgresql_where=open_)  # fmt: skip
    op.create_index("ix_audit_event_action_id", "audit_event", ["action", "id"])


def downgrade() -> None:
    op.drop_index("ix_audit_event_action_id", "audit_event")
    op.drop_index("ix_dead_letter_open_issue", "dead_letter")
