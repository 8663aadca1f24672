"""What a forecast is compared with: a version that served before, or an answer that was given."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from storecast.ports import Entry
from storecast.ports.records import ForecastRecords, Override
from storecast.service.champion import Champion
from storecast.service.fields import ID
from storecast.service.problems import Problem, Wrong, invalid
from storecast.stores.forecast_log.blobs import columns_of

__all__ = ["Since", "find_since", "told"]

_KINDS = ("forecast", "explanation")  # answers that are the version's numbers, and overrides


@dataclass(frozen=True)
class Since:
    """A ``version``, until the time ``moment`` (microseconds since 1970) at which it was last answered; of an
    ``answer`` the dollars of series and week."""

    version: int
    digest: str
    moment: int
    answer: str = ""
    numbers: dict[tuple[str, str], float] = field(default_factory=dict)


def find_since(champion: Champion, text: str, answers: ForecastRecords, digests: dict[int, str]) -> Since:
    """``text``: ``last``, the number of a version, or the id of an answer; ``digests``: of the versions that
    are known. Raises problems that say what is there instead."""
    info = champion.info
    if re.fullmatch(ID, text):
        return _answer(answers.find(text), text)
    if text == "last":
        if info.previous is None:
            raise Problem(
                409,
                "nothing-earlier",
                "No version served before this one",
                remedy="Ask again once another version has taken over.",
            )
        version, digest = info.previous.version, info.previous.digest
    elif text.isascii() and text.isdecimal() and len(text) < 9:
        version = int(text)
        known = digests | {item.version: item.digest for item in info.earlier} | {info.version: info.digest}
        if version not in known:
            raise Problem(
                404, "not-found", f"There is no version {version}", remedy="See /v1/models/versions."
            )
        digest = known[version]
    else:
        raise invalid([Wrong("since", f"{text[:40]!r} is not last, a version's number, or an answer's id")])
    return Since(version, digest, _replaced_at(champion, version))


def _replaced_at(champion: Champion, version: int) -> int:
    """When the version last stopped serving, else when the one that serves took over."""
    at = champion.info.published_at
    for publication in champion.info.recent:
        if publication.replaced == version:
            at = publication.at
    return int(datetime.fromisoformat(at).timestamp() * 1e6)


def _answer(entry: Entry | None, key: str) -> Since:
    if entry is None:
        raise Problem(404, "not-found", "There is no answer of this id", f"Found {key}.", "See the log.")
    if entry.kind not in _KINDS:
        raise invalid([Wrong("since", f"the answer is a {entry.kind}, not a forecast of a version")])
    numbers: dict[tuple[str, str], float] = {}
    if entry.rows_blob is not None:
        for part in columns_of(entry.rows_blob):
            rows = zip(part["unique_id"], part["ds"], part["storecast"], strict=True)
            numbers |= {(str(name), str(ds)[:10]): float(y) for name, ds, y in rows}
    else:
        said = json.loads(entry.forecast)
        rows_ = zip(said["ds"], said["storecast"], strict=True)
        numbers = {(entry.series, ds): float(y) for ds, y in rows_}
    return Since(entry.version, entry.digest, entry.at, entry.id, numbers)


def told(said: Iterable[Override]) -> str:
    """Overrides in words."""
    words = [f"{o.who}: {o.why}" for o in said]
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return "; ".join(words[:3]) + more
