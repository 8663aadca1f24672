"""Events of a model, written down when the database takes them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from storecast.errors import LogError
from storecast.jobs.requests import request_of
from storecast.ports import Published
from storecast.ports.records import ModelEvent, ModelEvents

__all__ = ["Diary"]

_UNWRITTEN = 1000  # events kept while the database is away
_LOOK_BACK = 100  # events among which a publication is looked for
_SKEW = timedelta(seconds=5)  # between the clocks of who publishes and of who writes it down


class Diary:
    """What happens to the model ``name``, for ``events``; ``lost`` is told why it cannot be written."""

    def __init__(self, name: str, lost: Callable[[LogError], None]) -> None:
        self._name, self._lost = name, lost
        self._unwritten: deque[Callable[[ModelEvents], object]] = deque(maxlen=_UNWRITTEN)

    def note(
        self, kind: str, *, who: str, why: str, from_version: int | None, to_version: int, digest: str
    ) -> None:
        """Keep one event until ``write``."""
        self._unwritten.append(
            lambda events: events.record(
                self._name,
                kind,
                who=who,
                why=why,
                from_version=from_version,
                to_version=to_version,
                digest=digest,
            )
        )

    def note_moves(self, moves: Sequence[Published], *, perhaps_known: bool) -> None:
        """Keep an event of each publication that was not asked for in writing; ``perhaps_known``: a follower
        before this one may have written some of them down already, and those are left out."""
        requests = {request_of(move.why) for move in moves}
        moves = [move for move in moves if not request_of(move.why)]

        def record(events: ModelEvents) -> None:
            written = [event for event in self._written(events) if event.id not in requests]
            for move in moves:
                if (found := _event_of(move, written)) is not None:
                    written.remove(found)
                else:
                    self._record(events, move)

        if perhaps_known:
            self._unwritten.append(record)
        else:
            self._unwritten.extend(partial(self._record, move=move) for move in moves)

    def _record(self, events: ModelEvents, move: Published) -> None:
        events.record(
            self._name,
            move.kind,
            who=move.who,
            why=move.why,
            from_version=move.replaced,
            to_version=move.version,
            digest=move.digest,
            share=move.share,
            at=int(datetime.fromisoformat(move.at).timestamp() * 1e6),
        )

    def write(self, events: ModelEvents | None) -> None:
        """Write what waits, in its order; what the database does not take waits on."""
        while self._unwritten and events is not None:
            try:
                self._unwritten[0](events)
            except LogError as error:
                self._lost(error)
                return
            self._unwritten.popleft()

    def _written(self, events: ModelEvents) -> list[ModelEvent]:
        """Moves that were written down lately, oldest first."""
        listed = events.listing(limit=_LOOK_BACK, model=self._name)
        return [event for event in reversed(listed) if event.state == "done" and event.kind != "refused"]


def _event_of(move: Published, written: Sequence[ModelEvent]) -> ModelEvent | None:
    """The oldest event that stands for ``move``; None where it was not written down."""
    earliest = (datetime.fromisoformat(move.at) - _SKEW).timestamp() * 1e6
    said = (move.kind, move.version, move.digest, move.who, move.why, move.share)
    for event in written:
        told = (event.kind, event.to_version, event.digest, event.who, event.why, event.share)
        if event.at >= earliest and told == said:
            return event
    return None
