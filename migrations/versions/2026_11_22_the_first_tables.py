"""The first tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXTERNAL_ID = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "api_config",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("service", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=True),
        sa.Column("client_secret", sa.Text(), nullable=True),
        sa.Column("api_url", sa.Text(), nullable=True),
        sa.Column("auth_url", sa.Text(), nullable=True),
        sa.Column("token_url", sa.Text(), nullable=True),
        sa.Column("redirect_uri", sa.Text(), nullable=True),
        sa.Column("region", sa.String(length=20), nullable=True),
        sa.Column("limits", sa.String(length=200), nullable=True),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_api_config"),
        sa.UniqueConstraint("service", name="uq_api_config_service"),
    )
    op.create_table(
        "audit_event",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.String(length=320), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_event"),
    )
    op.create_index("ix_audit_event_at_id", "audit_event", ["at", "id"])

    op.create_table(
        "connection",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("service", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("credentials", sa.Text(), nullable=True),
        sa.Column("account_id", sa.String(length=200), nullable=True),
        sa.Column("account_name", sa.String(length=300), nullable=True),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=True),
        sa.Column("status_by", sa.String(length=320), nullable=True),
        sa.Column("status_since", MOMENT, nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("frequency", sa.String(length=100), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("next_due_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("renewed_at", MOMENT, nullable=True),
        sa.Column("last_sync_at", MOMENT, nullable=True),
        sa.Column("not_before", MOMENT, nullable=True),
        sa.Column("budget", JSON, nullable=False),
        sa.Column("created_by", sa.String(length=320), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_connection"),
        sa.UniqueConstraint("key", name="uq_connection_key"),
    )
    op.create_index("ix_connection_next_due_at", "connection", ["next_due_at"])
    op.create_index("ix_connection_service", "connection", ["service"])
    op.create_index("ix_connection_status", "connection", ["status"])

    op.create_table(
        "heartbeat",
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("chores", JSON, nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_heartbeat"),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
    op.create_table(
        "oauth_state",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("session_hash", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=40), nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("verifier", sa.Text(), nullable=True),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(length=320), nullable=True),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("used_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_oauth_state"),
        sa.UniqueConstraint("state_hash", name="uq_oauth_state_state_hash"),
    )
    op.create_table(
        "setting",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("updated_by", sa.String(length=320), nullable=True),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_setting"),
    )
    op.create_table(
        "throttle",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("until", MOMENT, nullable=True),
        sa.Column("last_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_throttle"),
    )
    op.create_table(
        "transaction",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("service", sa.String(length=40), nullable=False),
        sa.Column("resource", sa.String(length=60), nullable=True),
        sa.Column("direction", sa.String(length=3), nullable=False),
        sa.Column("call_key", sa.String(length=32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=10), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("path_template", sa.String(length=300), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("duration_ms", sa.Double(), nullable=False),
        sa.Column("waited_ms", sa.Double(), nullable=False),
        sa.Column("request_bytes", sa.Integer(), nullable=False),
        sa.Column("response_bytes", sa.Integer(), nullable=False),
        sa.Column("upstream_request_id", sa.String(length=200), nullable=True),
        sa.Column("request_headers", sa.Text(), nullable=True),
        sa.Column("response_headers", sa.Text(), nullable=True),
        sa.Column("body_cut", sa.Boolean(), nullable=False),
        sa.Column("request_body", sa.Text(), nullable=True),
        sa.Column("response_body", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_transaction"),
    )
    op.create_index("ix_transaction_call_key", "transaction", ["call_key"])
    op.create_index("ix_transaction_connection_id_started_at_id", "transaction", ["connection_id", "started_at", "id"])
    op.create_index("ix_transaction_outcome_started_at_id", "transaction", ["outcome", "started_at", "id"])
    op.create_index("ix_transaction_run_id_started_at_id", "transaction", ["run_id", "started_at", "id"])
    op.create_index("ix_transaction_service_started_at_id", "transaction", ["service", "started_at", "id"])
    op.create_index("ix_transaction_started_at_id", "transaction", ["started_at", "id"])
    op.create_index("ix_transaction_status_started_at_id", "transaction", ["status", "started_at", "id"])

    op.create_table(
        "user",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("password_hash", sa.String(length=300), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=True),
        sa.Column("last_seen_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_user"),
        sa.UniqueConstraint("email", name="uq_user_email"),
    )
    op.create_table(
        "checkpoint",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("connection_id", BIG_ID, nullable=False),
        sa.Column("resource", sa.String(length=60), nullable=False),
        sa.Column("cursor", JSON, nullable=True),
        sa.Column("high_water", MOMENT, nullable=True),
        sa.Column("state", JSON, nullable=False),
        sa.Column("last_read_at", MOMENT, nullable=True),
        sa.Column("last_complete_at", MOMENT, nullable=True),
        sa.Column("record_count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_checkpoint_connection_id"),
        sa.PrimaryKeyConstraint("id", name="pk_checkpoint"),
        sa.UniqueConstraint("connection_id", "resource", name="uq_checkpoint_connection_id_resource"),
    )
    op.create_table(
        "issue",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("service", sa.String(length=40), nullable=False),
        sa.Column("connection_id", BIG_ID, nullable=True),
        sa.Column("resource", sa.String(length=60), nullable=True),
        sa.Column("field", sa.String(length=200), nullable=True),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_by", sa.String(length=320), nullable=True),
        sa.Column("state_at", MOMENT, nullable=True),
        sa.Column("regressed_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_issue_connection_id"),
        sa.PrimaryKeyConstraint("id", name="pk_issue"),
        sa.UniqueConstraint("fingerprint", name="uq_issue_fingerprint"),
    )
    op.create_index("ix_issue_state_last_seen_at_id", "issue", ["state", "last_seen_at", "id"])

    op.create_table(
        "record",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("connection_id", BIG_ID, nullable=False),
        sa.Column("resource", sa.String(length=60), nullable=False),
        sa.Column("external_id", EXTERNAL_ID, nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("owner_id", EXTERNAL_ID, nullable=True),
        sa.Column("starts_at", MOMENT, nullable=True),
        sa.Column("updated_at", MOMENT, nullable=True),
        sa.Column("content_hash", sa.LargeBinary(length=16), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("written_at", MOMENT, nullable=False),
        sa.Column("written_run_id", sa.Integer(), nullable=True),
        sa.Column("deleted_at", MOMENT, nullable=True),
        sa.Column("data", JSON, nullable=False),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_record_connection_id"),
        sa.PrimaryKeyConstraint("id", name="pk_record"),
    )
    for name, rows in (("ix_record_live", "deleted_at IS NULL"), ("ix_record_deleted", "deleted_at IS NOT NULL")):
        op.create_index(
            name,
            "record",
            ["connection_id", "resource", "id"],
            unique=False,
            sqlite_where=sa.text(rows),
            postgresql_where=sa.text(rows),
        )
    op.create_index(
        "ix_record_connection_id_resource_owner_id",
        "record",
        ["connection_id", "resource", "owner_id"],
        unique=False,
        sqlite_where=sa.text("owner_id IS NOT NULL"),
        postgresql_where=sa.text("owner_id IS NOT NULL"),
    )
    op.create_index(
        "uq_record_connection_id_resource_external_id",
        "record",
        ["connection_id", "resource", "external_id"],
        unique=True,
    )

    op.create_table(
        "sync_run",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("connection_id", BIG_ID, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.Column("asked_by", sa.String(length=320), nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("queued_at", MOMENT, nullable=False),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("retry_at", MOMENT, nullable=True),
        sa.Column("lease_owner", sa.String(length=200), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("failure_kind", sa.String(length=30), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_sync_run_connection_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sync_run"),
        sa.UniqueConstraint("connection_id", "due_at", name="uq_sync_run_connection_id_due_at"),
    )
    op.create_index("ix_sync_run_connection_id_id", "sync_run", ["connection_id", "id"])
    op.create_index("ix_sync_run_state_retry_at", "sync_run", ["state", "retry_at"])

    op.create_table(
        "user_session",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=300), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_user_session_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_user_session"),
        sa.UniqueConstraint("token_hash", name="uq_user_session_token_hash"),
    )
    op.create_index("ix_user_session_user_id", "user_session", ["user_id"])

    op.create_table(
        "dead_letter",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("connection_id", BIG_ID, nullable=False),
        sa.Column("issue_id", BIG_ID, nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("resource", sa.String(length=60), nullable=False),
        sa.Column("identity", EXTERNAL_ID, nullable=False),
        sa.Column("external_id", EXTERNAL_ID, nullable=True),
        sa.Column("field", sa.String(length=200), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.Column("resolved_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_dead_letter_connection_id"),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name="fk_dead_letter_issue_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letter"),
    )
    op.create_index("ix_dead_letter_issue_id", "dead_letter", ["issue_id"])
    op.create_index(
        "uq_dead_letter_connection_id_resource_identity",
        "dead_letter",
        ["connection_id", "resource", "identity"],
        unique=True,
    )

    op.create_table(
        "error_log",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("issue_id", BIG_ID, nullable=False),
        sa.Column("connection_id", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("transaction_key", sa.String(length=32), nullable=True),
        sa.Column("resource", sa.String(length=60), nullable=True),
        sa.Column("external_id", EXTERNAL_ID, nullable=True),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("raw_message", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name="fk_error_log_issue_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_error_log"),
    )
    op.create_index("ix_error_log_created_at", "error_log", ["created_at"])
    op.create_index("ix_error_log_issue_id_id", "error_log", ["issue_id", "id"])
    op.create_index("ix_error_log_run_id", "error_log", ["run_id"])

    op.create_table(
        "run_part",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("connection_id", BIG_ID, nullable=False),
        sa.Column("resource", sa.String(length=60), nullable=False),
        sa.Column("live", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=True),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("same", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("waited_seconds", sa.Double(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("upstream_count", sa.Integer(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("since", MOMENT, nullable=True),
        sa.Column("until", MOMENT, nullable=True),
        sa.Column("started_at", MOMENT, nullable=True),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("failure_kind", sa.String(length=30), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_run_part_connection_id"),
        sa.ForeignKeyConstraint(["run_id"], ["sync_run.id"], name="fk_run_part_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_run_part"),
        sa.UniqueConstraint("run_id", "resource", name="uq_run_part_run_id_resource"),
    )
    op.create_index(
        "uq_run_part_live",
        "run_part",
        ["connection_id", "resource"],
        unique=True,
        sqlite_where=sa.text("live"),
        postgresql_where=sa.text("live"),
    )

    op.create_table(
        "seen_page",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("run_id", BIG_ID, nullable=False),
        sa.Column("resource", sa.String(length=60), nullable=False),
        sa.Column("record_ids", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["sync_run.id"], name="fk_seen_page_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_seen_page"),
    )
    op.create_index("ix_seen_page_run_id_resource", "seen_page", ["run_id", "resource"])


def downgrade() -> None:
    for table in (
        "seen_page",
        "run_part",
        "error_log",
        "dead_letter",
        "user_session",
        "sync_run",
        "record",
        "issue",
        "checkpoint",
        "user",
        "transaction",
        "throttle",
        "setting",
        "oauth_state",
        "lease",
        "heartbeat",
        "connection",
        "audit_event",
        "api_config",
    ):
        op.drop_table(table)
