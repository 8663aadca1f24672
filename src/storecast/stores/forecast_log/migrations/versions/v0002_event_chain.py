"""Model events in a chain of hashes; those that are there already are chained as they are."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_EVENT = ["id", "at", "model", "kind", "who", "why", "from_version", "to_version", "digest"]
_EVENT += ["state", "finished", "error"]


def _table(name: str) -> sa.TableClause:
    columns = ["number", "event", "body", "previous", "sealer", "hash", "seal"]
    return sa.table(name, *(sa.column(column) for column in columns))


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def upgrade() -> None:
    """Make the chain and its head, and chain what was written before."""
    op.create_table(
        "event_chain",
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        *(sa.Column(n, sa.Text, nullable=False) for n in ("event", "body", "previous")),
        *(sa.Column(n, sa.Text, nullable=False) for n in ("sealer", "hash", "seal")),
        sa.PrimaryKeyConstraint("number", name="pk_event_chain"),
    )
    op.create_table(
        "event_head",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("hash", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event_head"),
    )
    connection, number, previous = op.get_bind(), 0, "0" * 64
    events = sa.table("model_events", *(sa.column(name) for name in _EVENT))
    for row in connection.execute(sa.select(events).order_by(events.c.id)).all():
        event = dict(zip(_EVENT, row, strict=True))
        state = "requested" if event["state"] == "running" else event["state"]
        number, body = number + 1, _canonical({**event, "state": state})
        content = {"number": number, "event": event["id"], "body": body, "previous": previous, "sealer": ""}
        made = {**content, "hash": hashlib.sha256(_canonical(content).encode()).hexdigest(), "seal": ""}
        connection.execute(sa.insert(_table("event_chain")).values(made))
        previous = made["hash"]
    head = sa.table("event_head", sa.column("id"), sa.column("number"), sa.column("hash"))
    connection.execute(sa.insert(head).values(id=1, number=number, hash=previous))


def downgrade() -> None:
    """Drop the chain; the events stay."""
    op.drop_table("event_head")
    op.drop_table("event_chain")
