"""Group commit's waiting room: entries gather while the last group is written, and share one future."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future

from storecast.errors import LogError
from storecast.ports import Entry

__all__ = ["Commit", "Group", "Groups", "acknowledged"]


class Commit(Future[str]):
    """The future of one group. Coroutines of one loop wait for it together, by one wake-up."""

    def __init__(self) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()  # others share it: nobody cancels it
        self.waiters: dict[asyncio.AbstractEventLoop, list[asyncio.Future[str]]] = {}


def _settle(commit: Future[str], waiters: list[asyncio.Future[str]]) -> None:
    error = commit.exception()
    for waiter in waiters:
        if waiter.done():  # its request was cancelled
            continue
        if error is None:
            waiter.set_result(commit.result())
        else:
            waiter.set_exception(error)
    waiters.clear()


def acknowledged(future: Future[str], loop: asyncio.AbstractEventLoop) -> asyncio.Future[str]:
    """``future`` of ``ForecastLog.submit`` as one to await; call it from the thread of ``loop``.

    However many entries a group holds, the loop is woken once for it. Cancelling the awaitable leaves
    the entry in the log.
    """
    waiter: asyncio.Future[str] = loop.create_future()
    assert isinstance(future, Commit)
    waiters = future.waiters.get(loop)
    if waiters is None:
        waiters = future.waiters[loop] = []
        together = waiters

        def wake(done: Future[str]) -> None:
            if not loop.is_closed():  # else nobody waits any more
                loop.call_soon_threadsafe(_settle, done, together)

        waiters.append(waiter)
        future.add_done_callback(wake)
    elif future.done():
        # The wake-up may be over already: what comes late is settled by itself.
        _settle(future, [waiter])
    else:
        waiters.append(waiter)
    return waiter


class Group:
    """Entries that are written in one transaction."""

    __slots__ = ("commit", "entries", "size")

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.size = 0
        self.commit = Commit()


class Groups:
    """The queue of groups: ``most`` entries or ``bytes_most`` bytes close a group; ``limit`` entries or
    ``bytes_limit`` bytes in all are the most that may wait."""

    def __init__(self, *, most: int, limit: int, bytes_most: int, bytes_limit: int) -> None:
        self._most, self._limit, self._bytes_most, self._bytes_limit = most, limit, bytes_most, bytes_limit
        self._groups: deque[Group] = deque()
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._idle = False
        self._closed = False
        self._bytes = 0
        self.waiting = 0

    def put(self, entry: Entry, size: int) -> Commit:
        """Add one entry of about ``size`` bytes; raises ``LogError`` where the queue is full or closed."""
        with self._lock:
            if self._closed:
                raise LogError(
                    "the forecast log is closed", remedy="send the request to a server that is running"
                )
            if self.waiting >= self._limit or self._bytes + size > self._bytes_limit:
                raise LogError(
                    "the forecast log is behind: too many answers wait to be written",
                    expected=f"at most {self._limit} entries and {self._bytes_limit} bytes",
                    found=f"{self.waiting} entries, {self._bytes} bytes",
                    remedy="try again in a second",
                )
            groups = self._groups
            if not groups or len(groups[-1].entries) >= self._most or groups[-1].size > self._bytes_most:
                groups.append(Group())
            group = groups[-1]
            group.entries.append(entry)
            group.size += size
            self._bytes += size
            self.waiting += 1
            if self._idle:
                self._idle = False
                self._filled.notify()
        return group.commit

    def take(self) -> Group | None:
        """The oldest group, closed to further entries; waits for one. None: closed and all taken."""
        with self._lock:
            while not self._groups:
                if self._closed:
                    return None
                self._idle = True
                self._filled.wait()
            return self._groups.popleft()

    def done(self, group: Group) -> None:
        """``group`` waits no longer."""
        with self._lock:
            self.waiting -= len(group.entries)
            self._bytes -= group.size

    def close(self) -> None:
        """Refuse further entries; ``take`` gives out what is left."""
        with self._lock:
            self._closed = True
            self._filled.notify_all()
