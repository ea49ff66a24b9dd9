"""Buttons under messages about several alerts, what a press needs to be shown after a crash, when a bot was heard."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Written out, not taken from schema.py: what this revision made must never change.

    What was pressed before counts as shown: where its message stood was not kept.
    """
    with op.batch_alter_table("buttons") as table:
        table.alter_column("episode_id", existing_type=sa.Text, nullable=True)
        table.add_column(sa.Column("place", sa.Text))
        table.add_column(sa.Column("shown_ms", sa.BigInteger))
    with op.batch_alter_table("bots") as table:
        table.add_column(sa.Column("heard_ms", sa.BigInteger))
    op.execute("UPDATE buttons SET shown_ms = pressed_ms")
