"""Mappings, links, conflicts, the outbox, practice areas, limitation dates, API tokens."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
EXTERNAL_ID = sa.String(200).with_variant(sa.String(200, collation="C"), "postgresql")
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT = sa.DateTime(timezone=True)
PAIRED = sa.text("state NOT IN ('different', 'cut', 'gone')")
WAITING = sa.text("link_id IS NOT NULL AND state IN ('pending', 'sending', 'retry', 'uncertain')")
SENDING = sa.text("state = 'sending' AND external_id IS NOT NULL")
OPEN = sa.text("state = 'open'")
DRAFT = sa.text("state = 'draft'")


def upgrade() -> None:
    op.create_table(
        "limitation_rule",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("practice_area", sa.String(length=100), nullable=False),
        sa.Column("jurisdiction", sa.String(length=100), nullable=False),
        sa.Column("period", sa.Integer(), nullable=False),
        sa.Column("unit", sa.String(length=10), nullable=False),
        sa.Column("from_field", sa.String(length=300), nullable=False),
        sa.Column("to_field", sa.String(length=300), nullable=False),
        sa.Column("mode", sa.String(length=10), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=True),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_limitation_rule"),
    )
    op.create_table(
        "practice_area_correction",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("detected", sa.String(length=100), nullable=True),
        sa.Column("corrected", sa.String(length=100), nullable=False),
        sa.Column("rule_ids", JSON, nullable=False),
        sa.Column("by", sa.String(length=320), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_practice_area_correction"),
    )
    op.create_table(
        "practice_area_rule",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("area", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("text", sa.String(length=300), nullable=False),
        sa.Column("weight", sa.Double(), nullable=False),
        sa.Column("shipped", sa.Boolean(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("right_count", sa.Integer(), nullable=False),
        sa.Column("wrong_count", sa.Integer(), nullable=False),
        sa.Column("changed_by", sa.String(length=320), nullable=True),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_practice_area_rule"),
    )
    op.create_index("ix_practice_area_rule_area", "practice_area_rule", ["area"])

    op.create_table(
        "api_token",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("user_id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=10), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name="fk_api_token_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.UniqueConstraint("token_hash", name="uq_api_token_token_hash"),
    )
    op.create_index("ix_api_token_user_id", "api_token", ["user_id"])

    op.create_table(
        "data_mapping",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("flow", sa.String(length=60), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("left_connection_id", BIG_ID, nullable=False),
        sa.Column("left_resource", sa.String(length=60), nullable=False),
        sa.Column("right_connection_id", BIG_ID, nullable=False),
        sa.Column("right_resource", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("state_by", sa.String(length=320), nullable=True),
        sa.Column("state_at", MOMENT, nullable=True),
        sa.Column("state_reason", sa.Text(), nullable=True),
        sa.Column("active_version", sa.Integer(), nullable=True),
        sa.Column("first_run", JSON, nullable=True),
        sa.Column("created_by", sa.String(length=320), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["left_connection_id"], ["connection.id"], name="fk_data_mapping_left_connection_id"),
        sa.ForeignKeyConstraint(["right_connection_id"], ["connection.id"], name="fk_data_mapping_right_connection_id"),
        sa.PrimaryKeyConstraint("id", name="pk_data_mapping"),
    )
    op.create_index("ix_data_mapping_left_connection_id", "data_mapping", ["left_connection_id"])
    op.create_index("ix_data_mapping_right_connection_id", "data_mapping", ["right_connection_id"])

    op.create_table(
        "limitation_proposal",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("record_id", BIG_ID, nullable=False),
        sa.Column("rule_id", BIG_ID, nullable=False),
        sa.Column("due_on", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("decided_by", sa.String(length=320), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["record_id"], ["record.id"], name="fk_limitation_proposal_record_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["rule_id"], ["limitation_rule.id"], name="fk_limitation_proposal_rule_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_limitation_proposal"),
    )
    op.create_index(
        "uq_limitation_proposal_record_id_rule_id", "limitation_proposal", ["record_id", "rule_id"], unique=True
    )

    op.create_table(
        "mapping_version",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("mapping_id", BIG_ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("direction", sa.String(length=10), nullable=False),
        sa.Column("rule", sa.String(length=10), nullable=False),
        sa.Column("keys", JSON, nullable=False),
        sa.Column("filters", JSON, nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("preview", JSON, nullable=True),
        sa.Column("changed_by", sa.String(length=320), nullable=True),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("activated_by", sa.String(length=320), nullable=True),
        sa.Column("activated_at", MOMENT, nullable=True),
        sa.Column("approved_by", sa.String(length=320), nullable=True),
        sa.Column("approved_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["mapping_id"], ["data_mapping.id"], name="fk_mapping_version_mapping_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_mapping_version"),
        sa.UniqueConstraint("mapping_id", "number", name="uq_mapping_version_mapping_id_number"),
    )
    op.create_index(
        "uq_mapping_version_draft",
        "mapping_version",
        ["mapping_id"],
        unique=True,
        sqlite_where=DRAFT,
        postgresql_where=DRAFT,
    )

    op.create_table(
        "record_link",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("mapping_id", BIG_ID, nullable=False),
        sa.Column("left_record_id", BIG_ID, nullable=True),
        sa.Column("right_record_id", BIG_ID, nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("base", JSON, nullable=False),
        sa.Column("left_hash", sa.LargeBinary(), nullable=True),
        sa.Column("right_hash", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("candidates", JSON, nullable=False),
        sa.Column("writes", JSON, nullable=False),
        sa.Column("decided_by", sa.String(length=320), nullable=True),
        sa.Column("decided_at", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["left_record_id"], ["record.id"], name="fk_record_link_left_record_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["mapping_id"], ["data_mapping.id"], name="fk_record_link_mapping_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["right_record_id"], ["record.id"], name="fk_record_link_right_record_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_record_link"),
    )
    op.create_index("ix_record_link_left_record_id", "record_link", ["left_record_id"])
    op.create_index("ix_record_link_mapping_id_state_id", "record_link", ["mapping_id", "state", "id"])
    op.create_index("ix_record_link_right_record_id", "record_link", ["right_record_id"])
    op.create_index(
        "uq_record_link_left",
        "record_link",
        ["mapping_id", "left_record_id"],
        unique=True,
        sqlite_where=PAIRED,
        postgresql_where=PAIRED,
    )
    op.create_index(
        "uq_record_link_right",
        "record_link",
        ["mapping_id", "right_record_id"],
        unique=True,
        sqlite_where=PAIRED,
        postgresql_where=PAIRED,
    )

    op.create_table(
        "unmatched_value",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("mapping_id", BIG_ID, nullable=False),
        sa.Column("field", sa.String(length=300), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("first_seen_at", MOMENT, nullable=False),
        sa.Column("last_seen_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["mapping_id"], ["data_mapping.id"], name="fk_unmatched_value_mapping_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_unmatched_value"),
        sa.UniqueConstraint("mapping_id", "field", "value", name="uq_unmatched_value_mapping_id_field_value"),
    )
    op.create_table(
        "change",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("connection_id", BIG_ID, nullable=False),
        sa.Column("resource", sa.String(length=60), nullable=False),
        sa.Column("op", sa.String(length=10), nullable=False),
        sa.Column("external_id", EXTERNAL_ID, nullable=True),
        sa.Column("record_id", sa.Integer(), nullable=True),
        sa.Column("link_id", BIG_ID, nullable=True),
        sa.Column("mapping_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("sent_run_id", sa.Integer(), nullable=True),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.Column("wanted", JSON, nullable=False),
        sa.Column("before", JSON, nullable=False),
        sa.Column("after", JSON, nullable=False),
        sa.Column("sources", JSON, nullable=False),
        sa.Column("expected", sa.String(length=200), nullable=True),
        sa.Column("options", JSON, nullable=False),
        sa.Column("idempotency_key", sa.String(length=40), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.String(length=320), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("retry_at", MOMENT, nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("error_kind", sa.String(length=30), nullable=True),
        sa.Column("error_field", sa.String(length=200), nullable=True),
        sa.Column("call_key", sa.String(length=32), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("sent_at", MOMENT, nullable=True),
        sa.Column("done_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name="fk_change_connection_id"),
        sa.ForeignKeyConstraint(["link_id"], ["record_link.id"], name="fk_change_link_id", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_change"),
        sa.UniqueConstraint("idempotency_key", name="uq_change_idempotency_key"),
    )
    op.create_index("ix_change_record_id_id", "change", ["record_id", "id"])
    op.create_index("ix_change_sent_run_id_id", "change", ["sent_run_id", "id"])
    op.create_index("ix_change_link_id_id", "change", ["link_id", "id"])
    op.create_index("ix_change_run_id_id", "change", ["run_id", "id"])
    op.create_index("ix_change_state_connection_id_id", "change", ["state", "connection_id", "id"])
    op.create_index(
        "uq_change_waiting",
        "change",
        ["link_id", "connection_id"],
        unique=True,
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index(
        "uq_change_sending",
        "change",
        ["connection_id", "resource", "external_id"],
        unique=True,
        sqlite_where=SENDING,
        postgresql_where=SENDING,
    )

    op.create_table(
        "conflict",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("link_id", BIG_ID, nullable=False),
        sa.Column("mapping_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("line", sa.String(length=620), nullable=False),
        sa.Column("left_field", sa.String(length=300), nullable=False),
        sa.Column("right_field", sa.String(length=300), nullable=False),
        sa.Column("held", JSON, nullable=False),
        sa.Column("left_at", MOMENT, nullable=True),
        sa.Column("right_at", MOMENT, nullable=True),
        sa.Column("rule", sa.String(length=10), nullable=False),
        sa.Column("winner", sa.String(length=10), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("settled_by", sa.String(length=320), nullable=True),
        sa.Column("settled_at", MOMENT, nullable=True),
        sa.Column("change_id", sa.Integer(), nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["record_link.id"], name="fk_conflict_link_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_conflict"),
    )
    op.create_index("ix_conflict_link_id_id", "conflict", ["link_id", "id"])
    op.create_index("ix_conflict_run_id", "conflict", ["run_id"])
    op.create_index("ix_conflict_state_id", "conflict", ["state", "id"])
    op.create_index(
        "uq_conflict_open", "conflict", ["link_id", "line"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN
    )

    op.create_table(
        "field_mapping",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("version_id", BIG_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("left", sa.String(length=300), nullable=False),
        sa.Column("right", sa.String(length=300), nullable=False),
        sa.Column("direction", sa.String(length=10), nullable=False),
        sa.Column("transform", sa.String(length=40), nullable=False),
        sa.Column("options", JSON, nullable=False),
        sa.Column("required", sa.Boolean(), nullable=False),
        sa.Column("winner", sa.String(length=10), nullable=True),
        sa.Column("blank", sa.String(length=10), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["mapping_version.id"], name="fk_field_mapping_version_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_field_mapping"),
        sa.UniqueConstraint("version_id", "position", name="uq_field_mapping_version_id_position"),
    )
    with op.batch_alter_table("run_part") as batch_op:
        batch_op.add_column(sa.Column("conflicts", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("ambiguous", sa.Integer(), nullable=False, server_default="0"))

    with op.batch_alter_table("sync_run") as batch_op:
        batch_op.add_column(sa.Column("mapping_id", BIG_ID, nullable=True))
        batch_op.add_column(sa.Column("mapping_version", sa.Integer(), nullable=True))
        batch_op.create_index("ix_sync_run_mapping_id", ["mapping_id"])
        batch_op.create_foreign_key(
            "fk_sync_run_mapping_id", "data_mapping", ["mapping_id"], ["id"], ondelete="SET NULL"
        )


def downgrade() -> None:
    with op.batch_alter_table("sync_run") as batch_op:
        batch_op.drop_constraint("fk_sync_run_mapping_id", type_="foreignkey")
        batch_op.drop_index("ix_sync_run_mapping_id")
        batch_op.drop_column("mapping_version")
        batch_op.drop_column("mapping_id")
    with op.batch_alter_table("run_part") as batch_op:
        batch_op.drop_column("ambiguous")
        batch_op.drop_column("conflicts")
    for table in (
        "field_mapping", "conflict", "change", "unmatched_value", "record_link", "mapping_version",
        "limitation_proposal", "data_mapping", "api_token", "practice_area_rule", "practice_area_correction",
        "limitation_rule",
    ):  # fmt: skip
        op.drop_table(table)
