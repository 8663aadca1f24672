"""First tables: forecasts and their actuals, overrides, model events, scenarios, data sets, jobs, keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

__all__ = ["downgrade", "upgrade"]

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=f"pk_{table}")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _times(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _forecasts() -> None:
    op.create_table(
        "forecasts",
        *_texts("id"),
        *_times("at"),
        *_texts("kind", "caller", "model"),
        sa.Column("version", sa.Integer, nullable=False),
        *_texts("digest", "series"),
        sa.Column("rows", sa.Integer, nullable=False),
        *_texts("inputs", "forecast", "bands"),
        *_times("latency"),
        *_texts("request"),
        sa.Column("rows_digest", sa.Text),
        sa.Column("rows_blob", sa.LargeBinary),
        _key("forecasts", "id"),
    )
    op.create_table(
        "log_probe",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        *_times("at"),
        _key("log_probe", "id"),
    )


def _beside_the_forecasts() -> None:
    op.create_table(
        "actuals",
        *_texts("unique_id", "ds"),
        sa.Column("y", sa.Float, nullable=False),
        *_texts("who"),
        *_times("at"),
        _key("actuals", "unique_id", "ds"),
    )
    op.create_table(
        "overrides",
        *_texts("id"),
        *_times("at"),
        *_texts("unique_id", "ds"),
        sa.Column("value", sa.Float),
        *_texts("who", "why"),
        _key("overrides", "id"),
    )
    op.create_index("ix_overrides_unique_id_ds", "overrides", ["unique_id", "ds"])
    op.create_table(
        "model_events",
        *_texts("id"),
        *_times("at"),
        *_texts("model", "kind", "who", "why"),
        sa.Column("from_version", sa.Integer),
        sa.Column("to_version", sa.Integer),
        *_texts("digest", "state", "worker"),
        *_times("lease_until"),
        sa.Column("finished", sa.BigInteger),
        *_texts("error"),
        _key("model_events", "id"),
    )
    op.create_index("ix_model_events_state", "model_events", ["state"])


def _work_of_people() -> None:
    op.create_table(
        "scenarios",
        *_texts("id", "owner", "name", "body"),
        sa.Column("version", sa.Integer, nullable=False),
        *_times("created", "updated"),
        _key("scenarios", "id"),
        sa.UniqueConstraint("owner", "name", name="uq_scenarios_owner_name"),
    )
    op.create_table(
        "datasets",
        *_texts("id", "owner", "name", "media_type"),
        *_times("size"),
        *_texts("digest", "state", "report"),
        *_times("created"),
        _key("datasets", "id"),
    )
    op.create_table(
        "dataset_parts",
        *_texts("dataset", "content"),
        sa.Column("part", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        _key("dataset_parts", "dataset", "content", "part"),
        sa.ForeignKeyConstraint(
            ["dataset"], ["datasets.id"], name="fk_dataset_parts_dataset", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "jobs",
        *_texts("id", "kind", "owner", "subject", "state", "stage"),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("attempts", sa.SmallInteger, nullable=False),
        *_texts("worker"),
        *_times("lease_until", "created"),
        sa.Column("started", sa.BigInteger),
        sa.Column("finished", sa.BigInteger),
        *_texts("result", "error"),
        _key("jobs", "id"),
    )
    op.create_index("ix_jobs_state", "jobs", ["state"])
    op.create_table(
        "api_keys",
        *_texts("id", "name", "role", "hash"),
        *_times("created"),
        sa.Column("expires", sa.BigInteger),
        sa.Column("revoked", sa.BigInteger),
        _key("api_keys", "id"),
    )


def upgrade() -> None:
    """Make every table."""
    _forecasts()
    _beside_the_forecasts()
    _work_of_people()


def downgrade() -> None:
    """Drop every table, with all that was logged."""
    for table in ("api_keys", "jobs", "dataset_parts", "datasets", "scenarios"):
        op.drop_table(table)
    for table in ("model_events", "overrides", "actuals", "log_probe", "forecasts"):
        op.drop_table(table)
