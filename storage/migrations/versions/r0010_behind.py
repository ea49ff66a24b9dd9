"""Messages that lag behind are found among many that do not."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Written out, not taken from schema.py: what this revision made must never change."""
    op.drop_index("ix_buttons_behind_ms", "buttons")
    lags = sa.text("behind_ms IS NOT NULL")
    op.create_index(
        "ix_buttons_lane_behind_ms", "buttons", ["lane", "behind_ms"], postgresql_where=lags, sqlite_where=lags
    )
