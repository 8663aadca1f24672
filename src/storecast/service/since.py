"""What a forecast is compared with: a version that served before, or an answer that was given."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from storecast.ports import Entry
from storecast.ports.moves import replaced_at
from storecast.service.champion import Champion
from storecast.service.fields import ID
from storecast.service.problems import Problem, Wrong, invalid
from storecast.service.readback import logged_rows

__all__ = ["Since", "find_since"]

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


def find_since(
    champion: Champion, text: str, answer: Callable[[str], Entry], digests: dict[int, str]
) -> Since:
    """``text``: ``last``, the number of a version, or the id of an answer, which ``answer`` finds;
    ``digests``: of the versions that are known. Raises problems that say what is there instead."""
    info = champion.info
    if re.fullmatch(ID, text):
        return _answer(answer(text))
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
    return Since(version, digest, replaced_at(info, version))


def _answer(entry: Entry) -> Since:
    if entry.kind not in _KINDS:
        raise invalid([Wrong("since", f"the answer is a {entry.kind}, not a forecast of a version")])
    rows = logged_rows(entry)
    keys = zip(rows.names, rows.weeks, strict=True)
    numbers = dict(zip(keys, rows.columns["storecast"].tolist(), strict=True))
    return Since(entry.version, entry.digest, entry.at, entry.id, numbers)
