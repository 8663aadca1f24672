"""The tables of the forecast log's database; ``migrations`` makes them, a test holds both together.

Times are microseconds since 1970, UTC. Ids are time-ordered, so that ranges of time are ranges of ids
and no further index is paid for with every answer.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

__all__ = [
    "METADATA",
    "actuals",
    "api_keys",
    "dataset_parts",
    "datasets",
    "event_chain",
    "event_head",
    "forecasts",
    "jobs",
    "log_probe",
    "model_events",
    "monitor_runs",
    "overrides",
    "scenarios",
]

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# In the order of ports.Entry, which is a row of it.
forecasts = Table(
    "forecasts",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("caller", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("digest", Text, nullable=False),
    Column("series", Text, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("forecast", Text, nullable=False),
    Column("bands", Text, nullable=False),
    Column("latency", BigInteger, nullable=False),
    Column("request", Text, nullable=False),
    Column("rows_digest", Text),
    Column("rows_blob", LargeBinary),  # last: SQLite reads the others without it
)

# One row, rewritten to learn whether the database takes writes.
log_probe = Table(
    "log_probe",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
)

actuals = Table(
    "actuals",
    METADATA,
    Column("unique_id", Text, primary_key=True),
    Column("ds", Text, primary_key=True),  # ISO date of the week
    Column("y", Float, nullable=False),
    Column("who", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

overrides = Table(
    "overrides",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("unique_id", Text, nullable=False),
    Column("ds", Text, nullable=False),
    Column("value", Float),  # none: all before it is withdrawn
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("mode", Text, nullable=False, server_default="value"),
    Column("expires", BigInteger),
    Column("statement", Text, nullable=False, server_default=""),
    Column("undoes", Text),
    Column("model", Float),
    Column("naive", Float),
    Column("version", Integer),
    Index(None, "unique_id", "ds"),
    Index(None, "statement"),
    Index(None, "undoes", unique=True),
)

model_events = Table(
    "model_events",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("from_version", Integer),
    Column("to_version", Integer),
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("worker", Text, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("finished", BigInteger),
    Column("error", Text, nullable=False),
    Column("share", Float),
    Index(None, "state"),
)

# Every state of every event that was written, each with the hash of the one before; and the last one's.
event_chain = Table(
    "event_chain",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("event", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("sealer", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("seal", Text, nullable=False),
)

event_head = Table(
    "event_head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
    Column("hash", Text, nullable=False),
)

scenarios = Table(
    "scenarios",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("updated", BigInteger, nullable=False),
    UniqueConstraint("owner", "name"),
)

datasets = Table(
    "datasets",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("report", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
)

# Files in pieces, each written in a transaction of its own: no upload holds up the log.
dataset_parts = Table(
    "dataset_parts",
    METADATA,
    Column("dataset", Text, ForeignKey("datasets.id", ondelete="CASCADE"), primary_key=True),
    Column("content", Text, primary_key=True),  # what was uploaded, or what was made of it
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

jobs = Table(
    "jobs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("stage", Text, nullable=False),
    Column("progress", Float, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("worker", Text, nullable=False),
    Column("lease_until", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("started", BigInteger),
    Column("finished", BigInteger),
    Column("result", Text, nullable=False),
    Column("error", Text, nullable=False),
    Index(None, "state"),
)

api_keys = Table(
    "api_keys",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
)

monitor_runs = Table(
    "monitor_runs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("due", Boolean, nullable=False),
    Column("body", Text, nullable=False),
)

backup_runs = Table(
    "backup_runs",
    METADATA,
    Column("id", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("failure", Text, nullable=False),
)
