"""Is anybody using it, and what is it worth?"""

from __future__ import annotations

from tools.panels.shapes import DAY, Row, line, one

__all__ = ["BUSINESS"]

_VISITS = 'sum(increase(storecast_web_events_total{event="session"}[1d]))'
BUSINESS = (
    Row(
        "Use",
        (
            one(
                "Forecasts served",
                "In the last 24 hours; one for each series and week answered.",
                "none",
                "sum(increase(storecast_forecasts_served_total[1d]))",
            ),
            one("Visits", "Of the web app, in the last 24 hours.", "none", _VISITS),
            one("Overrides", "Planners' words that count now.", "none", "max(storecast_overrides_active)"),
            one(
                "Sales are known until",
                "Age of the last week.",
                "s",
                "time() - max(storecast_actuals_last_week_timestamp_seconds)",
                warn=10 * DAY,
            ),
            one(
                "Judged forecasts",
                "Answered forecasts that have met their actual.",
                "none",
                "max(storecast_live_rows)",
            ),
        ),
    ),
    Row(
        "Worth",
        (
            line("Forecasts by kind", "A second.", "cps", ("storecast:forecasts_served:rate5m", "{{kind}}")),
            line(
                "Overrides' worth",
                "Share of the model's error taken away.",
                "percentunit",
                ("max(storecast_override_value_added_ratio)", "overrides"),
            ),
            line(
                "Web app",
                "What people did.",
                "cps",
                ("sum by (event, page) (rate(storecast_web_events_total[5m]))", "{{event}} {{page}}"),
            ),
        ),
    ),
)
