"""Overrides as values, differences or percentages, with an expiry, undos, and what the model had said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("mode", sa.Text, nullable=False, server_default="value"),
        sa.Column("expires", sa.BigInteger),
        sa.Column("statement", sa.Text, nullable=False, server_default=""),
        sa.Column("undoes", sa.Text),
        sa.Column("model", sa.Float),
        sa.Column("naive", sa.Float),
        sa.Column("version", sa.Integer),
    ]


def upgrade() -> None:
    """Add the columns; each override that is there already is a statement of its own."""
    for column in _columns():
        op.add_column("overrides", column)
    op.execute("UPDATE overrides SET statement = id")
    op.create_index("ix_overrides_statement", "overrides", ["statement"])
    op.create_index("ix_overrides_undoes", "overrides", ["undoes"], unique=True)


def downgrade() -> None:
    """Drop the columns; differences and percentages would be taken for values, and are lost with undos."""
    op.execute("DELETE FROM overrides WHERE mode <> 'value'")
    op.drop_index("ix_overrides_undoes", "overrides")
    op.drop_index("ix_overrides_statement", "overrides")
    for column in reversed(_columns()):
        op.drop_column("overrides", column.name)
