"""Watches over the version on trial: lets it answer its share, and ends the trial at the first breach.

A breach takes effect in this worker at once, by one assignment; the pointer of the release folder, which all
workers follow, is replaced a moment later in a thread. Where that cannot be done, it is tried again, and the
challenger answers nobody here meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from storecast.errors import LogError, StorecastError
from storecast.forecasting.promotion import live_breach
from storecast.ports import ReleaseInfo, Trial
from storecast.ports.records import Actuals
from storecast.service.challenger import Challenger
from storecast.service.champion import Champion
from storecast.service.trial_metrics import TrialMetrics

__all__ = ["WHAT_IF_SECONDS", "Trials"]

_LOG = logging.getLogger("storecast.service")
WHAT_IF_SECONDS = 0.25  # that the challenger's what-ifs may take, and thrice the champion's
_TIMES, _ASKED = 3.0, 5
_SWEEP = 2.0  # seconds between looks at the whole table in memory
_AGAIN = 1.0  # seconds between attempts to write the pointer
_NOTED = 100_000  # look-ups that wait to be compared
_MOST_WORDS = 900
_Note = tuple[int, int, int]  # place of a series, its first week, the one after its last


class _Pointer(Protocol):
    """What is needed of the release folder."""

    def end_trial(self, *, kind: str, who: str, why: str, since: str | None = None) -> ReleaseInfo | None:
        """Let what serves answer alone again."""
        ...


class Trials:
    """``challenger``: the version on trial, None for none; ``refused``: why the one that is to be does not.

    ``worker``: who ends a trial, for the record; ``monotonic``: seconds of a clock that is never set back.
    """

    def __init__(
        self,
        pointer: _Pointer,
        metrics: TrialMetrics,
        actuals: Actuals | None,
        *,
        worker: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pointer, self.metrics, self._actuals = pointer, metrics, actuals
        self._worker, self._monotonic = worker, monotonic
        self.challenger: Challenger | None = None
        self.refused = ""
        self._champion: Champion | None = None
        self._over: str | None = None  # when the trial began that has ended here
        self._to_write: tuple[Trial, str] | None = None
        self._write_at = self._sweep_at = float("-inf")
        self._sound: list[NDArray[np.float64]] = []  # both tables as they were found sound
        self._noted: deque[_Note] = deque(maxlen=_NOTED)
        self.notes: Callable[[_Note], None] | None = None  # of look-ups, while in shadow
        self._theirs: deque[float] = deque(maxlen=_ASKED)
        self._ours: deque[float] = deque(maxlen=_ASKED)

    def follow(
        self, trial: Trial | None, champion: Champion, load: Callable[[Trial], tuple[Champion | None, str]]
    ) -> None:
        """Let ``trial`` be under way beside ``champion``. ``load`` gives the version, or why it cannot be
        used. Called in a thread."""
        now = self.challenger
        if trial is None or trial.at == self._over:
            self._take(None, champion)
            if trial is None:
                self.refused = ""
            return
        if now is not None and (now.trial, now.beside) == (trial, champion.info.digest):
            self._champion = champion
            return
        version = now.version if now is not None and now.trial.digest == trial.digest else None
        reason = ""
        if version is None:
            version, reason = load(trial)
        if version is None:
            self._end(trial, "refused", reason)
            return
        made = Challenger.of(trial, version, champion)
        if made.moves.reasons:
            whole = bool(np.isfinite(version.forecaster.point).all())
            self._end(trial, "implausible" if whole else "nan", "; ".join(made.moves.reasons))
            return
        self.refused = ""
        self._take(made, champion)
        fields = {"kind": trial.kind, "version": trial.version, "share": trial.share}
        _LOG.info("trial begins", extra={"fields": fields})

    def _take(self, made: Challenger | None, champion: Champion | None) -> None:
        if made is not None or self.challenger is not None:
            self._ours.clear()
            self._theirs.clear()
            self._noted.clear()
            self._sound = []
            self.metrics.begin(made.trial if made else None)
        self._champion, self.challenger = champion, made
        self.notes = self._noted.append if made is not None and made.trial.kind == "shadow" else None

    def of(self, champion: Champion, by: str, place: int) -> Challenger | None:
        """Who answers the series at ``place`` instead of ``champion``; None for nobody."""
        found = self.challenger
        if found is None or found.trial.kind != "canary" or found.beside != champion.info.digest:
            return None
        return found if by == "series" and found.takes[place] else None

    def counted(self, challenger: bool) -> None:
        """A series was answered, by the challenger or not."""
        if self.challenger is not None and self.challenger.trial.kind == "canary":
            (self.metrics.by_challenger if challenger else self.metrics.by_champion).inc()

    def note(self, place: int, weeks: Sequence[int]) -> None:
        """These weeks of a series were answered: to be compared, in shadow alone."""
        if (notes := self.notes) is not None:
            if isinstance(weeks, range):
                notes((place, weeks.start, weeks.stop))
            else:
                for week in weeks:
                    notes((place, week, week + 1))

    def breach(self, found: Challenger, kind: str, reason: str) -> None:
        """The challenger did harm, or would have: it answers no more."""
        if self.challenger is found:
            self._end(found.trial, kind, reason)

    def _end(self, trial: Trial, kind: str, reason: str) -> None:
        self._take(None, self._champion)
        self._over, self.refused = trial.at, reason
        self._to_write, self._write_at = (trial, reason), float("-inf")
        self.metrics.breach(kind)
        fields = {"kind": kind, "version": trial.version, "reason": reason}
        _LOG.error("trial breached", extra={"fields": fields})

    def took(self, found: Challenger | None, seconds: float) -> None:
        """A what-if on one series was answered in ``seconds``, by the challenger or, None, the champion."""
        if found is None:
            self._theirs.append(seconds)
            return
        self._ours.append(seconds)
        if len(self._ours) < _ASKED:
            return
        usual = median(self._theirs) if len(self._theirs) == _ASKED else 0.0
        if (middle := median(self._ours)) > max(WHAT_IF_SECONDS, _TIMES * usual):
            self.breach(found, "latency", f"its what-ifs take {middle:.2f} s, at most {WHAT_IF_SECONDS:g} s")

    def tend(self) -> None:
        """Write what ended, compare what was answered in shadow, look at the table. Called in a thread."""
        now = self._monotonic()
        if self._to_write is not None and now >= self._write_at:
            self._write(now)
        found, champion = self.challenger, self._champion
        if found is None or champion is None:
            return
        if self._noted:
            self._compare(found)
        if now >= self._sweep_at:
            self._sweep_at = now + _SWEEP
            self._sweep(found, champion)

    def _sweep(self, found: Challenger, champion: Champion) -> None:
        """Compare both tables in memory; what was sound and has not changed since is sound."""
        tables = [version.views["series"].point for version in (found.version, champion)]
        if self._sound and all(map(np.array_equal, tables, self._sound)):
            return
        if reasons := found.now(champion).reasons:
            whole = bool(np.isfinite(tables[0]).all())
            self.breach(found, "implausible" if whole else "nan", "; ".join(reasons))
            return
        self._sound = [table.copy() for table in tables]

    def _write(self, now: float) -> None:
        assert self._to_write is not None
        trial, reason = self._to_write
        try:
            kind, why = f"{trial.kind}-breach", reason[:_MOST_WORDS]
            self._pointer.end_trial(kind=kind, who=self._worker, why=why, since=trial.at)
        except StorecastError as error:
            self._write_at = now + _AGAIN
            _LOG.error("trial not ended for others", extra={"fields": {"reason": error.what}})
            return
        self._to_write = None

    def _compare(self, found: Challenger) -> None:
        place, first, last = np.array([self._noted.popleft() for _ in range(len(self._noted))]).T
        apart = found.apart[last, place] - found.apart[first, place]
        size = found.size[last, place] - found.size[first, place]
        self.metrics.compared(int((last - first).sum()), float(apart.sum()), float(size.sum()))

    def judge(self) -> None:
        """Set the actuals that came since both versions were made beside what each had said. Called in a
        thread."""
        found, champion = self.challenger, self._champion
        if found is None or champion is None or found.trial.kind != "canary" or self._actuals is None:
            return
        first = max(found.version.weeks[0], champion.weeks[0])
        try:
            y, old, new = _pairs(self._actuals.each(since=first), champion, found.version)
        except LogError:
            return  # the database is away: asked again
        if reason := live_breach(np.array(y), np.array(old), np.array(new)):
            self.breach(found, "accuracy", reason)


def _pairs(
    rows: Iterable[tuple[str, str, float]], champion: Champion, other: Champion
) -> tuple[list[float], list[float], list[float]]:
    """Actuals that both forecast, and what each said of them."""
    y: list[float] = []
    said: tuple[list[float], list[float]] = ([], [])
    for key, week, value in rows:
        at = [
            (v.week_at.get(week), v.views["series"].place.get(key), v.views["series"])
            for v in (champion, other)
        ]
        if all(when is not None and place is not None for when, place, _ in at):
            y.append(value)
            for (when, place, view), out in zip(at, said, strict=True):
                out.append(float(view.point[when, place]))
    return y, said[0], said[1]
