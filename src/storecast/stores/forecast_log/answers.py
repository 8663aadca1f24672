"""Logged forecasts read back for judging: version by version, never all in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select

from storecast.ports.monitoring import Answer, AnsweredVersion
from storecast.stores.forecast_log.database import Database
from storecast.stores.forecast_log.export import pieces
from storecast.stores.forecast_log.tables import forecasts

__all__ = ["AnswerTable"]

# What is a forecast and no question of "what if" nor a reason.
_KINDS = ("forecast", "prediction", "invocation")


class AnswerTable:
    """The port ``Answers`` on a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def versions(self, model: str) -> list[AnsweredVersion]:
        """See ``ports.monitoring.Answers.versions``."""
        c = forecasts.c
        query = (
            select(c.version, c.digest, func.min(c.id), func.max(c.id), func.count())
            .where(c.model == model, c.kind.in_(_KINDS))
            .group_by(c.version, c.digest)
            .order_by(c.version)
        )
        with self._database.read() as connection:
            return [AnsweredVersion(*row) for row in connection.execute(query)]

    def of(self, model: str, version: AnsweredVersion) -> Iterator[Answer]:
        """See ``ports.monitoring.Answers.of``."""
        c = forecasts.c
        query = (
            select(c.series, c.inputs, c.forecast, c.bands, c.rows_blob)
            .where(
                c.id >= version.first,
                c.id <= version.last,
                c.model == model,
                c.version == version.version,
                c.digest == version.digest,
                c.kind.in_(_KINDS),
            )
            .order_by(c.id)
        )
        with (
            self._database.read() as connection,
            # Whoever has heard enough leaves off: the cursor is not left open on the server.
            connection.execution_options(yield_per=200).execute(query) as found,
        ):
            for row in found:
                yield Answer(*row)

    def columns(self, answer: Answer) -> Iterator[Mapping[str, Sequence[Any]]]:
        """See ``ports.monitoring.Answers.columns``."""
        yield from pieces(answer.forecast, answer.bands, answer.blob, answer.series)
