"""Where entries go: into the database, or into the spool until it is back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import text

from storecast.errors import LogError
from storecast.ports import Depths, Entry
from storecast.stores.forecast_log.database import Database, first_line
from storecast.stores.forecast_log.parked import Parked
from storecast.stores.forecast_log.sinks import Sink, driver_errors, is_refusal, open_sink
from storecast.stores.forecast_log.spool import Spool, count, left_behind, records

__all__ = ["Destination"]

_HANGING = 4.0  # seconds after which a write is taken for lost and its connection cut
_IDLE = 5.0  # seconds without a write, after which it is looked whether the database is still there
_REPLAYED = 2_000  # entries a transaction: more than a group, so that emptying outruns filling


def _together(parts: Iterator[tuple[list[Entry], int, int]]) -> Iterator[tuple[list[Entry], int, int]]:
    """Records joined until they hold enough for a transaction: (entries, offset behind, bytes skipped)."""
    gathered: list[Entry] = []
    behind = damaged = 0
    for entries, behind, skipped in parts:
        gathered += entries
        damaged += skipped
        if len(gathered) >= _REPLAYED or any(entry.rows_blob for entry in entries):
            yield gathered, behind, damaged
            gathered, damaged = [], 0
    if gathered or damaged:
        yield gathered, behind, damaged


class Destination:
    """The database while it takes entries, else the spool; ``store`` belongs to one thread, ``restore`` and
    ``look_after`` to another.

    ``trouble`` says why the database is away. ``clock``: nanoseconds since 1970.
    """

    def __init__(
        self, database: Database, folder: Path, spool: Spool, *, migrate: bool, clock: Callable[[], int]
    ) -> None:
        self._database, self._folder, self._spool = database, folder, spool
        self._migrate, self._clock = migrate, clock
        self._lock = threading.Lock()  # held to append to the spool, and to end spooling
        self._sink: Sink | None = None  # none: the spool takes the entries
        self._replayed = self._replayed_entries = 0  # of the spool, what is in the database
        self._left_behind = 0
        self._parked = Parked(folder)
        self._set_aside = self._parked.count()
        self._since = 0.0
        self._seen = time.monotonic()  # when the database last answered
        self.writable = True
        self.trouble: str | None = "not connected yet"

    @property
    def direct(self) -> bool:
        """Whether entries go into the database."""
        return self._sink is not None

    def depths(self, queue: int) -> Depths:
        """What waits, with ``queue`` entries before this."""
        entries = self._spool.entries - self._replayed_entries + self._left_behind
        return Depths(queue, entries, self._spool.end - self._replayed, self._set_aside)

    def store(self, entries: Sequence[Entry]) -> str:
        """Write durably; ``committed`` or ``spooled``.

        Raises ``LogError`` or ``OSError`` where neither takes them.
        """
        try:
            outcome = self._store(entries)
        except BaseException:
            self.writable = False
            raise
        self.writable = True
        return outcome

    def _store(self, entries: Sequence[Entry]) -> str:
        while True:
            sink = self._sink
            if sink is not None and self._committed(sink, entries):
                return "committed"
            with self._lock:
                if self._sink is None:  # else the database has come back this moment
                    self._spool.append(entries)
                    return "spooled"

    def _committed(self, sink: Sink, entries: Sequence[Entry]) -> bool:
        self._since = time.monotonic()
        try:
            self._insert(sink, entries)
        except driver_errors() as error:
            # Committed or not, nobody knows: the spool takes the group, and no id enters the table twice.
            self.trouble = first_line(error)
            self.let_go()
            return False
        finally:
            self._since = 0.0
        self._seen = time.monotonic()
        return True

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
            self._parked.add(entries[0], first_line(error))
            self._set_aside += 1

    def let_go(self) -> None:
        """Use the database no longer."""
        with self._lock:
            sink, self._sink = self._sink, None
        if sink is not None:
            _close_quietly(sink)

    def look_after(self) -> None:
        """Cut a write that hangs; put into the database what a process that died has left in its spool; and
        notice that the database is away where nobody writes."""
        sink, since = self._sink, self._since
        if sink is not None and since and time.monotonic() - since > _HANGING:
            sink.abort()
            return
        self._set_aside = self._parked.count()
        self._database.tidy()
        if time.monotonic() - self._seen > _IDLE:
            self._look()
        if next(left_behind(self._folder), None) is not None:
            self._using_a_sink(self._adopt)

    def _look(self) -> None:
        """Raises ``LogError`` where the database does not answer, and uses it no longer."""
        try:
            with self._database.read() as connection:
                connection.execute(text("SELECT 1"))
        except LogError as error:
            self.trouble = error.found
            self.let_go()
            raise
        self._seen = time.monotonic()

    def restore(self) -> None:
        """Reach the database, bring its schema up to date, put into it what is spooled, oldest first, then
        let entries go there directly.

        Raises ``SetupError`` where the schema is not this program's; the driver's errors or ``LogError``
        where the database is away.
        """
        try:
            self._left_behind = sum(count(handle) for _, handle in left_behind(self._folder))
            self._database.ensure_schema(change=self._migrate)
            self._using_a_sink(self._take_over)
        except BaseException as error:
            self.trouble = first_line(error)
            if not self.writable:  # has the disk of the spool space again?
                self._spool.check_room()
                self.writable = True
            raise

    def _using_a_sink(self, action: Callable[[Sink], None]) -> None:
        sink = open_sink(self._database)
        try:
            sink.probe(self._clock() // 1000)
            action(sink)
        finally:
            if sink is not self._sink:
                _close_quietly(sink)

    def _take_over(self, sink: Sink) -> None:
        self._adopt(sink)
        spool = self._spool
        while True:
            with self._lock:
                if self._replayed == spool.end:
                    if spool.end:
                        spool.clear()
                    self._replayed = self._replayed_entries = 0
                    self._sink, self.trouble, self.writable = sink, None, True
                    self._seen = time.monotonic()
                    return
                end = spool.end
            for entries, behind, _ in _together(records(spool.handle, self._replayed, end)):
                self._insert(sink, entries)
                self._replayed = behind
                self._replayed_entries += len(entries)

    def _adopt(self, sink: Sink) -> None:
        for path, handle in left_behind(self._folder):
            size, read, damaged = path.stat().st_size, 0, 0
            for entries, behind, skipped in _together(records(handle, 0, size)):
                self._insert(sink, entries)
                read, damaged = behind, damaged + skipped
            if damaged or read < size:  # what can be read is in the database; the file is kept for a person
                path.rename(path.with_suffix(".damaged"))
            else:
                path.unlink()
        self._left_behind = 0


def _close_quietly(sink: Sink) -> None:
    try:
        sink.close()
    except driver_errors():
        return  # it was broken already
