"""Alerts that know how they stood at their peak."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Written out, not taken from schema.py: what this revision made must never change."""
    with op.batch_alter_table("alerts") as table:
        table.add_column(sa.Column("worst", sa.Text))
