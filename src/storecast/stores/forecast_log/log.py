"""The forecast log: entries in, acknowledgements out, the database there or not."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

from storecast.errors import LogError, SetupError, StorecastError
from storecast.ports import Depths, Entry
from storecast.stores.forecast_log.database import Database, first_line
from storecast.stores.forecast_log.entries import size_of
from storecast.stores.forecast_log.groups import Groups
from storecast.stores.forecast_log.ids import id_maker
from storecast.stores.forecast_log.sinks import Sink, driver_errors, is_refusal, open_sink
from storecast.stores.forecast_log.spool import Spool, left_behind, park, records

__all__ = ["DatabaseLog"]

_GROUP = 512  # entries a transaction
_GROUP_BYTES = 8 << 20
_HANGING = 4.0  # seconds after which a write is taken for lost and its connection cut
_RETRY = (0.1, 2.0)  # seconds between attempts to reach the database: first, longest
_TICK = 0.5


class DatabaseLog:
    """The port ``ForecastLog`` on SQLite or PostgreSQL, with a spool for the time the database is away.

    ``clock``: nanoseconds since 1970. One thread writes groups and acknowledges them; another, the
    keeper, brings the database back, empties spools into it and cuts writes that hang. ``on_commit`` is
    told entries, seconds and outcome of every group, from the writing thread.
    """

    def __init__(
        self,
        url: str,
        spool_folder: Path,
        *,
        clock: Callable[[], int] = time.time_ns,
        migrate: bool = True,
        queue_limit: int = 20_000,
        spool_limit: int = 1 << 30,
        on_commit: Callable[[int, float, str], None] = lambda entries, seconds, outcome: None,
    ) -> None:
        self.database = Database(url)
        self.new_id = id_maker(clock)
        self._clock, self._migrate, self._on_commit = clock, migrate, on_commit
        self._folder, self._spool_limit = spool_folder, spool_limit
        self._groups = Groups(
            most=_GROUP, limit=queue_limit, bytes_most=_GROUP_BYTES, bytes_limit=32 * _GROUP_BYTES
        )
        self._lock = threading.Lock()  # held to append to the spool, and to end spooling
        self._sink: Sink | None = None  # the writer's; none while the spool takes the entries
        self._spool: Spool | None = None
        self._replayed = 0  # bytes of the spool that are in the database
        self._orphans = self._parked = 0
        self._writing_since = 0.0
        self._writable = False
        self._fatal: StorecastError | None = None
        self.trouble: str | None = None  # why the database is away
        self._stopping = False
        self._looked = threading.Event()
        self._wake = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, *, patience: float = 10.0) -> None:
        """Take entries from now on; waits up to ``patience`` seconds for the database.

        A database that is away is no error: the spool takes the entries until it is back. Raises
        ``SetupError`` where the schema is not this program's, ``LogError`` where there is no spool.
        """
        try:
            self._spool = Spool(self._folder, self.new_id(), limit=self._spool_limit)
        except OSError as error:
            raise LogError(
                "the forecast log's spool cannot be made",
                where=str(self._folder),
                found=str(error),
                remedy="check the permissions and the free space of this folder",
            ) from error
        self._writable = True
        for name, work in (("forecast-log", self._write_groups), ("forecast-log-keeper", self._keep)):
            thread = threading.Thread(target=work, name=name, daemon=True)
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
        spool = self._spool
        entries, size = (spool.entries, spool.end) if spool else (0, 0)
        return Depths(self._groups.waiting, entries + self._orphans, size, self._parked)

    def writable(self) -> bool:
        """See ``ports.ForecastLog.writable``."""
        return self._writable

    def close(self, *, patience: float = 10.0) -> None:
        """Write what waits, then end; what stays in the spool waits for the next start."""
        self._groups.close()
        self._stopping = True
        self._wake.set()
        deadline = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.1, deadline - time.monotonic()))
        with self._lock:
            self._let_go()
            if self._spool is not None:
                self._spool.close()
                self._spool = None
        self.database.close()

    # What the writing thread does.

    def _write_groups(self) -> None:
        while (group := self._groups.take()) is not None:
            started = time.perf_counter()
            try:
                outcome = self._store(group.entries)
            except Exception as error:  # noqa: BLE001 whoever waits must hear of it, and the thread go on
                self._writable = False
                self._groups.done(group)
                group.commit.set_exception(_as_log_error(error))
                outcome = "refused"
            else:
                self._writable = True
                self._groups.done(group)
                group.commit.set_result(outcome)
            self._on_commit(len(group.entries), time.perf_counter() - started, outcome)

    def _store(self, entries: Sequence[Entry]) -> str:
        sink = self._sink
        if sink is not None:
            try:
                self._writing_since = time.monotonic()
                self._insert(sink, entries)
            except driver_errors() as error:
                self.trouble = first_line(error)
                with self._lock:
                    self._let_go()
            else:
                return "committed"
            finally:
                self._writing_since = 0.0
        with self._lock:
            assert self._spool is not None
            self._spool.append(entries)
        self._wake.set()
        return "spooled"

    def _insert(self, sink: Sink, entries: Sequence[Entry]) -> None:
        try:
            sink.insert(entries)
        except Exception as error:
            if not is_refusal(error):
                raise
            if len(entries) > 1:  # one entry must not take the others with it
                for entry in entries:
                    self._insert(sink, [entry])
                return
            park(self._folder, entries[0], first_line(error))
            self._parked += 1

    def _let_go(self) -> None:
        if self._sink is not None:
            sink, self._sink = self._sink, None
            _close_quietly(sink)

    # What the keeper does.

    def _keep(self) -> None:
        pause = _RETRY[0]
        while not self._stopping:
            if self._sink is not None:
                self._look_for_hanging_writes()
                self._wake.wait(_TICK)
                self._wake.clear()
                continue
            try:
                self._restore()
                pause = _RETRY[0]
            except SetupError as error:
                self._fatal = error
                self._looked.set()
                return
            except Exception as error:  # noqa: BLE001 whatever it is, the next attempt may succeed
                self.trouble = first_line(error)
                self._looked.set()
                time.sleep(pause)
                pause = min(_RETRY[1], 2 * pause)

    def _look_for_hanging_writes(self) -> None:
        since, sink = self._writing_since, self._sink
        if sink is not None and since and time.monotonic() - since > _HANGING:
            sink.abort()

    def _restore(self) -> None:
        """Reach the database, put into it what is spooled, oldest first, and hand it to the writer."""
        self.database.ensure_schema(change=self._migrate)
        sink = open_sink(self.database)
        try:
            sink.probe(self._clock() // 1000)
            self._adopt(sink)
            spool = self._spool
            assert spool is not None
            while not self._stopping:
                with self._lock:
                    if self._replayed == spool.end:
                        if spool.end:
                            spool.clear()
                        self._replayed, self._sink, self.trouble = 0, sink, None
                        self._writable = True
                        self._looked.set()
                        return
                    end = spool.end
                for entries, behind, _ in records(spool.handle, self._replayed, end):
                    self._insert(sink, entries)
                    self._replayed = behind
        except BaseException:
            _close_quietly(sink)
            raise
        _close_quietly(sink)

    def _adopt(self, sink: Sink) -> None:
        """Put into the database what processes before this one have left in their spools."""
        for path, handle in left_behind(self._folder):
            damaged = 0
            for entries, _, skipped in records(handle, 0, path.stat().st_size):
                self._insert(sink, entries)
                damaged += skipped
            if damaged:  # what could be read is in the database; the rest is kept for a person
                path.rename(path.with_suffix(".damaged"))
            else:
                path.unlink()


def _as_log_error(error: Exception) -> StorecastError:
    if isinstance(error, StorecastError):
        return error
    return LogError(
        "neither the forecast log's database nor its spool can be written",
        found=first_line(error),
        remedy="check the free space of the disk",
    )


def _close_quietly(sink: Sink) -> None:
    try:
        sink.close()
    except driver_errors():
        return  # it was broken already
