"""Events of a model, written down when the database takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from storecast.errors import LogError
from storecast.ports.records import ModelEvents

__all__ = ["Diary"]

_UNWRITTEN = 1000  # events kept while the database is away


class Diary:
    """What happens to the model ``name``, for ``events``; ``lost`` is told why it cannot be written."""

    def __init__(self, name: str, lost: Callable[[LogError], None]) -> None:
        self._name, self._lost = name, lost
        self._unwritten: deque[Callable[[ModelEvents], object]] = deque(maxlen=_UNWRITTEN)

    def note(
        self,
        kind: str,
        *,
        who: str,
        why: str,
        from_version: int | None,
        to_version: int,
        digest: str,
        new: bool = True,
    ) -> None:
        """Keep one event until ``write``; not ``new``: it may have been written by a follower before this
        one, and is left out then."""

        def record(events: ModelEvents) -> None:
            if new or not self._holds(events, to_version, digest):
                events.record(
                    self._name,
                    kind,
                    who=who,
                    why=why,
                    from_version=from_version,
                    to_version=to_version,
                    digest=digest,
                )

        self._unwritten.append(record)

    def write(self, events: ModelEvents | None) -> None:
        """Write what waits, in its order; what the database does not take waits on."""
        while self._unwritten and events is not None:
            try:
                self._unwritten[0](events)
            except LogError as error:
                self._lost(error)
                return
            self._unwritten.popleft()

    def _holds(self, events: ModelEvents, version: int, digest: str) -> bool:
        """Whether the last move that was written down leads to this version."""
        listed = events.listing(limit=50, model=self._name)
        moves = [event for event in listed if event.state == "done" and event.kind != "refused"]
        return bool(moves) and (moves[0].to_version, moves[0].digest) == (version, digest)
