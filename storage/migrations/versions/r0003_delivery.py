"""Who is told what, and when: due times, groups, digests, caps, silences, acknowledgements."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Written out, not taken from schema.py: what this revision made must never change."""
    op.add_column("outbox", sa.Column("due_ms", sa.BigInteger))
    op.add_column("outbox", sa.Column("group_key", sa.Text))
    op.add_column("outbox", sa.Column("form", sa.Text))
    op.add_column("outbox", sa.Column("is_urgent", sa.Boolean))
    op.create_index("ix_outbox_merged_into", "outbox", ["merged_into"])
    op.add_column("lanes", sa.Column("window_since_ms", sa.BigInteger))
    op.add_column("lanes", sa.Column("window_count", sa.Integer))
    op.create_table(
        "standings",
        sa.Column("episode_id", sa.Text, nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("episode_id", name="pk_standings"),
    )
    op.create_table(
        "silences",
        sa.Column("silence_id", sa.Text, nullable=False),
        sa.Column("matchers", sa.Text, nullable=False),
        sa.Column("episode_id", sa.Text),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("ended_by", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("silence_id", name="pk_silences"),
    )
    op.create_index("ix_silences_ended_ms_until_ms", "silences", ["ended_ms", "until_ms"])
    op.create_table(
        "acknowledgements",
        sa.Column("episode_id", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("episode_id", name="pk_acknowledgements"),
    )
