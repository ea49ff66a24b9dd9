"""Answering an alert in its chat: what was pressed by whom, and who listens to a bot."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Written out, not taken from schema.py: what this revision made must never change."""
    op.create_table(
        "buttons",
        sa.Column("token", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("episode_id", sa.Text, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("press", sa.Text),
        sa.Column("action", sa.Text),
        sa.Column("who", sa.Text),
        sa.Column("pressed_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("token", name="pk_buttons"),
        sa.UniqueConstraint("key", name="uq_buttons_key"),
    )
    op.create_index("ix_buttons_episode_id_lane", "buttons", ["episode_id", "lane"])
    op.create_index("ix_buttons_expires_ms", "buttons", ["expires_ms"])
    op.create_table(
        "bots",
        sa.Column("bot", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.Column("next_update", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("bot", name="pk_bots"),
    )
