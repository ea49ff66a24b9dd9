"""What a key is good for: reading, or acting too."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Written out, not taken from schema.py: what this revision made must never change. Older keys go on reading."""
    op.add_column("api_keys", sa.Column("scope", sa.Text, nullable=False, server_default="read"))
