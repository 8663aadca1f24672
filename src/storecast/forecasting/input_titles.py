"""The inputs of trees as people call them."""

from __future__ import annotations

import re

__all__ = ["input_title"]

_TITLES = {
    "level": "Recent level",
    "growth": "Growth against last year",
    "block_growth": "Growth of all stores",
    "residual_4": "Error of the last 4 weeks",
    "residual_13": "Error of the last 13 weeks",
    "store_residual": "Error of the store's other departments",
    "volatility": "How much it swings",
    "log_horizon": "Weeks ahead",
    "horizon": "Weeks ahead",
    "height": "Height of the week in its year",
    "block_height": "Height of the week in its year, all stores",
    "calendar_slope": "How fast the season moves",
    "type": "Type of store",
    "size": "Size of store",
    "store": "Which store",
    "dept": "Which department",
    "log_scale": "Size of sales",
    "weeks_known": "Weeks of history",
    "base": "Last year's same date, grown",
    "same_date_mean": "Same date, mean of earlier years",
    "same_date_before": "Week before the same date last year",
    "same_date_after": "Week after the same date last year",
    "week_of_year": "Week of the year",
    "month": "Month",
    "day_of_month": "Day of the month",
    "fuel_price": "Fuel price",
    "cpi": "Consumer prices",
}
_PATTERNS = (
    (r"lag_(\d+)", "Sales {} weeks before"),
    (r"mean_(\d+)", "Mean of the last {} weeks"),
    (r"std_(\d+)", "Swing of the last {} weeks"),
    (r"min_(\d+)", "Lowest of the last {} weeks"),
    (r"max_(\d+)", "Highest of the last {} weeks"),
    (r"same_date_(\d+)", "Same date, years back: {}"),
    (r"block_growth_(\d+)", "Growth of all stores, {} weeks"),
    (r"growth_(\d+)", "Growth against last year, {} weeks"),
    (r"(?:sin|cos)_(\d+)", "Time of the year, wave {}"),
    (r"is (.+)", "{} in the week"),
    (r"days to (.+)", "Days to {}"),
    (r"(.+) moved", "{} on another date than last year"),
    (r"markdown(\d+)", "Markdown {}"),
)


def input_title(name: str) -> str:
    """The input ``name`` in plain words; what is not known is told as it is."""
    if name.endswith("_surprise"):
        return f"{input_title(name.removesuffix('_surprise'))}, other than expected"
    if (known := _TITLES.get(name)) is not None:
        return known
    for pattern, title in _PATTERNS:
        if found := re.fullmatch(pattern, name):
            return title.format(found[1])
    return name.replace("_", " ").capitalize()
