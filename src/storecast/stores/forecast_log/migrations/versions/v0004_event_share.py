"""The share of the series that a canary answers, with the event that began it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; events before it were of no canary."""
    op.add_column("model_events", sa.Column("share", sa.Float))


def downgrade() -> None:
    """Drop the column; its figures stay in the chain."""
    op.drop_column("model_events", "share")
