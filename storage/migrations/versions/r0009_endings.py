"""Messages about several alerts that say when all of them are over."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Written out, not taken from schema.py: what this revision made must never change."""
    with op.batch_alter_table("outbox") as table:
        table.add_column(sa.Column("over_ms", sa.BigInteger))
        table.create_index("ix_outbox_lane_over_ms", ["lane", "over_ms"])
