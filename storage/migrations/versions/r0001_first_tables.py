"""The first tables: events, alerts, transitions, states, outbox, lanes, meta."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_row = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Written out, not taken from schema.py: what this revision made must never change."""
    op.create_table(
        "events",
        sa.Column("id", _row, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("received_ms", sa.BigInteger, nullable=False),
        sa.Column("once_key", sa.Text),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sa.UniqueConstraint("once_key", name="uq_events_once_key"),
    )
    op.create_index("ix_events_received_ms", "events", ["received_ms"])
    op.create_index("ix_events_type_received_ms", "events", ["type", "received_ms"])
    op.create_index("ix_events_symbol_received_ms", "events", ["symbol", "received_ms"])

    op.create_table(
        "alerts",
        sa.Column("episode_id", sa.Text, nullable=False),
        sa.Column("rule_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("is_firing", sa.Boolean, nullable=False),
        sa.Column("is_momentary", sa.Boolean, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("held_since_ms", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("value", sa.Double),
        sa.Column("threshold", sa.Double),
        sa.Column("peak", sa.Double),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("template", sa.Text),
        sa.PrimaryKeyConstraint("episode_id", name="pk_alerts"),
    )
    op.create_index("ix_alerts_at_ms", "alerts", ["at_ms"])
    op.create_index("ix_alerts_is_firing_at_ms", "alerts", ["is_firing", "at_ms"])

    op.create_table(
        "transitions",
        sa.Column("id", _row, primary_key=True),
        sa.Column("episode_id", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("value", sa.Double),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("muted", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_transitions"),
        sa.UniqueConstraint("episode_id", "sequence", "change", name="uq_transitions_episode_id_sequence_change"),
    )
    op.create_index("ix_transitions_at_ms", "transitions", ["at_ms"])

    op.create_table(
        "states",
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("rule_id", sa.Text, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_states"),
    )

    op.create_table(
        "outbox",
        sa.Column("id", _row, primary_key=True),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("episode_id", sa.Text),
        sa.Column("change", sa.Text),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("sequence", sa.Integer, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("muted", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("repeats", sa.SmallInteger, nullable=False),
        sa.Column("not_before_ms", sa.BigInteger),
        sa.Column("send_started_ms", sa.BigInteger),
        sa.Column("finished_ms", sa.BigInteger),
        sa.Column("message_id", sa.Text),
        sa.Column("edit_of", sa.Text),
        sa.Column("merged_into", sa.Text),
        sa.Column("last_error", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_outbox"),
        sa.UniqueConstraint("key", name="uq_outbox_key"),
    )
    op.create_index("ix_outbox_lane_status_id", "outbox", ["lane", "status", "id"])
    op.create_index("ix_outbox_episode_id_lane", "outbox", ["episode_id", "lane"])
    op.create_index("ix_outbox_status_finished_ms", "outbox", ["status", "finished_ms"])

    op.create_table(
        "lanes",
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("address_hash", sa.Text, nullable=False),
        sa.Column("not_before_ms", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("held_reason", sa.Text),
        sa.Column("disabled_reason", sa.Text),
        sa.Column("disabled_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("lane", name="pk_lanes"),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_meta"),
    )


def downgrade() -> None:
    """There is nothing before the first tables."""
    raise NotImplementedError("remove the database instead")
