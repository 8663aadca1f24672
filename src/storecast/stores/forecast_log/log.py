"""The forecast log: entries in, acknowledgements out, the database there or not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from storecast.errors import LogError, SetupError, StorecastError
from storecast.ports import Depths, Entry
from storecast.stores.forecast_log.database import Database, first_line
from storecast.stores.forecast_log.destination import Destination
from storecast.stores.forecast_log.entries import size_of
from storecast.stores.forecast_log.groups import Groups
from storecast.stores.forecast_log.ids import id_maker
from storecast.stores.forecast_log.spool import Spool

__all__ = ["DatabaseLog"]

_GROUP = 512  # entries a transaction
_GROUP_BYTES = 8 << 20
_RETRY = (0.1, 1.0)  # seconds between attempts to reach the database: first, longest
_TICK = 0.5  # seconds between looks while all is well


def _no_spool(folder: Path, error: OSError) -> LogError:
    return LogError(
        "the forecast log's spool cannot be made",
        where=str(folder),
        found=str(error),
        remedy="check the permissions and the free space of this folder",
    )


def _not_written(error: Exception) -> StorecastError:
    if isinstance(error, StorecastError):
        return error
    return LogError(
        "neither the forecast log's database nor its spool can be written",
        found=first_line(error),
        remedy="check the free space of the disk",
    )


class DatabaseLog:
    """The port ``ForecastLog`` on SQLite or PostgreSQL, with a spool for the time the database is away.

    ``clock``: nanoseconds since 1970. One thread writes groups and acknowledges them; another, the keeper,
    brings the database back, empties spools into it and cuts writes that hang. ``on_commit`` is told
    entries, seconds and outcome (``committed``, ``spooled``, ``refused``) of every group, by the writing
    thread. Workers of one database share ``spool_folder``. ``patience``: see ``Database``.
    """

    def __init__(
        self,
        url: str,
        spool_folder: Path,
        *,
        clock: Callable[[], int] = time.time_ns,
        migrate: bool = True,
        patience: float | None = None,
        queue_limit: int = 20_000,
        spool_limit: int = 1 << 30,
        on_commit: Callable[[int, float, str], None] = lambda entries, seconds, outcome: None,
    ) -> None:
        self.database = Database(url, patience=patience)
        self.new_id = id_maker(clock)
        self._clock, self._migrate, self._on_commit = clock, migrate, on_commit
        self._folder, self._spool_limit = spool_folder, spool_limit
        self._groups = Groups(
            most=_GROUP, limit=queue_limit, bytes_most=_GROUP_BYTES, bytes_limit=32 * _GROUP_BYTES
        )
        self._spool: Spool | None = None
        self._destination: Destination | None = None
        self._fatal: StorecastError | None = None
        self._looked, self._wake, self._stop = threading.Event(), threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, *, patience: float = 10.0) -> None:
        """Take entries from now on; waits up to ``patience`` seconds for the database.

        A database that is away is no error: the spool takes the entries until it is back. Raises
        ``SetupError`` where the schema is not this program's, ``LogError`` where there is no spool.
        """
        try:
            self._spool = Spool(self._folder, self.new_id(), limit=self._spool_limit)
        except OSError as error:
            raise _no_spool(self._folder, error) from error
        destination = Destination(
            self.database, self._folder, self._spool, migrate=self._migrate, clock=self._clock
        )
        self._destination = destination
        for name, work in (("forecast-log", self._write), ("forecast-log-keeper", self._keep)):
            thread = threading.Thread(target=work, args=(destination,), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._looked.wait(patience)
        if self._fatal is not None:
            self.close()
            raise self._fatal

    def submit(self, entry: Entry) -> Future[str]:
        """See ``ports.ForecastLog.submit``."""
        return self._groups.put(entry, size_of(entry))

    def depths(self) -> Depths:
        """See ``ports.ForecastLog.depths``."""
        waiting = self._groups.waiting
        return self._destination.depths(waiting) if self._destination else Depths(waiting, 0, 0, 0)

    def writable(self) -> bool:
        """See ``ports.ForecastLog.writable``."""
        return self._destination is not None and self._destination.writable

    def trouble(self) -> str | None:
        """See ``ports.ForecastLog.trouble``."""
        return self._destination.trouble if self._destination else "not started"

    def close(self, *, patience: float = 10.0) -> None:
        """Write what waits, then end; what stays in the spool waits for the next start."""
        self._groups.close()
        deadline = time.monotonic() + patience
        for thread in self._threads[:1]:  # the writer first: the keeper sees to it that it does not hang
            thread.join(patience)
        self._stop.set()
        self._wake.set()
        for thread in self._threads[1:]:
            thread.join(max(1.0, deadline - time.monotonic()))
        if self._destination is not None:
            self._destination.let_go()
        if self._spool is not None and not any(thread.is_alive() for thread in self._threads):
            self._spool.close()
        self.database.close()

    def _write(self, destination: Destination) -> None:
        while (group := self._groups.take()) is not None:
            started = time.perf_counter()
            failure: StorecastError | None = None
            outcome = "refused"
            try:
                outcome = destination.store(group.entries)
            except Exception as error:  # noqa: BLE001 whoever waits must hear of it, and the thread go on
                failure = _not_written(error)
            self._groups.done(group)
            self._on_commit(len(group.entries), time.perf_counter() - started, outcome)
            if failure is None:
                group.commit.set_result(outcome)
            else:
                group.commit.set_exception(failure)
            if outcome != "committed":
                self._wake.set()

    def _keep(self, destination: Destination) -> None:
        pause = _RETRY[0]
        while not self._stop.is_set():
            try:
                if destination.direct:
                    destination.look_after()
                else:
                    destination.restore()
                pause = _RETRY[0]
                self._looked.set()
                self._wake.wait(_TICK)
                self._wake.clear()
            except Exception as error:  # noqa: BLE001 destination.trouble tells; whatever it is, it may pass
                if isinstance(error, SetupError) and not self._looked.is_set():
                    self._fatal = error  # whoever starts this must hear of it
                    self._looked.set()
                    return
                self._looked.set()
                self._stop.wait(pause)
                pause = min(_RETRY[1], 2 * pause)
