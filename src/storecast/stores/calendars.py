"""Holiday calendars: of a country (the ``holidays`` library) or of a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from storecast.errors import RequestError
from storecast.forecasting.calendar import Calendar
from storecast.stores.event_files import read_calendar

__all__ = ["country_calendar", "file_calendar"]

_YEARS = range(1990, 2061)


def country_calendar(country: str) -> Calendar:
    """Public holidays of a country, by its ISO code ("DE") or with a subdivision ("DE-BY")."""
    import holidays

    code, _, part = country.upper().partition("-")
    try:
        days = holidays.country_holidays(code, subdiv=part or None, years=_YEARS, language="en_US")
    except NotImplementedError as error:
        parts = holidays.list_supported_countries().get(code)
        if parts:
            known = f"{code} alone, or with one of {', '.join(parts)}"
        else:
            known = "an ISO code such as US, DE, GB-ENG or CA-QC"
        raise RequestError(
            f"There is no holiday calendar for {country!r}.",
            where="--country",
            expected=known,
            found=country,
            remedy="Correct the code, or give the holidays by --calendar FILE (columns name, date).",
        ) from error
    dates: dict[str, list[np.datetime64]] = {}
    for day, names in sorted(days.items()):
        for name in names.split("; "):
            if "(observed" not in name:
                known = name.removesuffix(" (estimated)")  # by the moon: the same holiday, its day to be told
                dates.setdefault(known, []).append(np.datetime64(day, "D"))
    return Calendar.from_dates(country.upper(), {name: np.array(found) for name, found in dates.items()})


def file_calendar(path: Path) -> Calendar:
    """The holidays of a file with columns ``name`` and ``date``."""
    frame = read_calendar(path)
    groups = frame.groupby("name", sort=True)["date"]
    return Calendar.from_dates(
        path.name, {str(name): np.sort(days.to_numpy(dtype="datetime64[D]")) for name, days in groups}
    )
