"""One answer for all chats, and changes of alerts that read as they were."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Written out, not taken from schema.py: what this revision made must never change."""
    with op.batch_alter_table("buttons") as table:
        table.add_column(sa.Column("chat", sa.Text))
        table.add_column(sa.Column("behind_ms", sa.BigInteger))
        table.create_index("ix_buttons_behind_ms", ["behind_ms"])
    with op.batch_alter_table("transitions") as table:
        table.add_column(sa.Column("alert", sa.Text))
