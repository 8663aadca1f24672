"""From evidence at each look to alarms: the gravest explanation first, each fault once, weeks joined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from storecast.forecasting.calendar import Days
from storecast.forecasting.drift.config import KINDS, DriftConfig
from storecast.forecasting.drift.evidence import Evidence
from storecast.forecasting.drift.onset import change_of
from storecast.forecasting.drift.report import Alarm
from storecast.forecasting.drift.words import remedy, sentence

__all__ = ["hits", "raise_alarms"]

Bool = NDArray[np.bool_]
_LEVELS = ("panel", "store", "block", "series")
_EXPLAINED = 0.5  # share of its series that a graver alarm must hold to explain a lighter one
_APART = ("level", "input", "residual")  # whose levels are told apart before they are judged
_IN_THE_DATA = ("unit", "shifted-dates")  # wrong until the weeks are loaded again
_NAMED = 5  # keys that an alarm of many spells out
_PAUSE = 1  # looks without evidence that do not end an alarm


def hits(evidence: Sequence[Evidence], limit: Sequence[float]) -> list[Bool]:
    """(L, K) of each family: where it alarms, and nothing graver or broader says why."""
    order = sorted(
        range(len(evidence)),
        key=lambda i: (KINDS.index(evidence[i].kind), _LEVELS.index(evidence[i].level)),
    )
    out: list[Bool] = [np.zeros((0, 0), dtype=bool)] * len(evidence)
    explained: dict[str, Bool] = {}
    pending: dict[str, list[tuple[int, Bool]]] = {}
    last = ""
    for i in order:
        found = evidence[i]
        if found.kind != last:
            _settle(explained, pending, evidence)
            last = found.kind
        with np.errstate(invalid="ignore"):
            hit = found.p_value <= limit[i]
        known = explained.get(found.column)
        if known is not None and hit.any():
            hit &= ~_covered(known, found)
        out[i] = hit
        if hit.any():
            pending.setdefault(found.column, []).append((i, hit))
            if found.kind not in _APART:
                _settle(explained, pending, evidence)
    return out


def _settle(
    explained: dict[str, Bool], pending: dict[str, list[tuple[int, Bool]]], evidence: Sequence[Evidence]
) -> None:
    """Take what has been found as the explanation of what comes after it."""
    for column, found in pending.items():
        for i, hit in found:
            of = evidence[i].of
            mask = np.where(of >= 0, hit[:, of], False)
            explained[column] = explained.get(column, np.zeros_like(mask)) | mask
    pending.clear()


def _covered(known: Bool, found: Evidence) -> Bool:
    """(L, K) whether half of each key's series or more are ``known`` (L, N) to be explained."""
    size = len(found.keys)
    inside = found.of >= 0
    count = np.maximum(np.bincount(found.of[inside], minlength=size), 1)
    shares = np.stack([np.bincount(found.of[inside], row[inside], size) for row in known.astype(np.float64)])
    out: Bool = shares >= _EXPLAINED * count
    return out


@dataclass(frozen=True)
class _Episode:
    first: int
    last: int


def raise_alarms(
    evidence: Sequence[Evidence], limit: Sequence[float], weeks: Days, config: DriftConfig
) -> tuple[Alarm, ...]:
    """All alarms of the looks, the gravest kind first, those that are over after those that are on."""
    alike: dict[tuple[object, ...], list[Alarm]] = {}
    for i, hit in enumerate(hits(evidence, limit)):
        found = evidence[i]
        for k in np.flatnonzero(hit.any(axis=0)):
            for alarm in _alarms(found, int(k), hit[:, k], limit[i], weeks, config):
                what = (alarm.kind, alarm.level, alarm.column, alarm.since, alarm.raised, alarm.active)
                alike.setdefault((*what, alarm.size > 0), []).append(alarm)
    return tuple(sorted((_joined(several) for several in alike.values()), key=_gravity))


def _gravity(alarm: Alarm) -> tuple[object, ...]:
    rank = (not alarm.active, KINDS.index(alarm.kind), _LEVELS.index(alarm.level), alarm.p_value)
    return (*rank, alarm.key, alarm.column, alarm.raised, alarm.since)


def _joined(several: Sequence[Alarm]) -> Alarm:
    """One alarm of those alike but for their key: what happens at once in several places is one thing."""
    if len(several) == 1:
        return several[0]
    one = min(several, key=_gravity)
    keys = tuple(alarm.key for alarm in several)
    key = ", ".join(keys[:_NAMED]) + (f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else "")
    size = float(np.median([alarm.size for alarm in several]))
    text = sentence(one.kind, one.level, key, one.column, size, one.since, one.p_value)
    return replace(one, key=key, keys=keys, size=size, sentence=text)


def _episodes(hit: Bool) -> list[_Episode]:
    at = np.flatnonzero(hit)
    cuts = np.flatnonzero(np.diff(at) > 1 + _PAUSE) + 1
    return [_Episode(int(part[0]), int(part[-1])) for part in np.split(at, cuts)]


def _alarms(
    found: Evidence, k: int, hit: Bool, limit: float, weeks: Days, config: DriftConfig
) -> list[Alarm]:
    """The alarms of one key: one for each change, though evidence of it may pause."""
    first_look = len(weeks) - len(hit)
    out: list[Alarm] = []
    until = -1  # the last look at which the change before was still there
    for episode in _episodes(hit):
        raised = first_look + episode.first
        if episode.first <= until:
            continue
        size, began = float(found.size[episode.last, k]), int(found.began[episode.first, k])
        active = episode.last == len(hit) - 1 or found.kind in _IN_THE_DATA
        if found.deviation is not None and found.form != "share":
            longest = max(config.windows)
            change = change_of(found.deviation[:, k], found.form, raised, longest, config.reference)
            began, size, active = change.began, change.size, active or change.lasts
            until = len(hit) if change.lasts else episode.last
        p = float(found.p_value[episode.first : episode.last + 1, k].min())
        since, key = str(weeks[began]), str(found.keys[k])
        out.append(
            Alarm(
                kind=found.kind,
                level=found.level,
                key=key,
                keys=(key,),
                column=found.column,
                size=size,
                since=since,
                raised=str(weeks[raised]),
                active=active,
                p_value=p,
                limit=limit,
                sentence=sentence(found.kind, found.level, key, found.column, size, since, p),
                remedy=remedy(found.kind),
            )
        )
    return out
