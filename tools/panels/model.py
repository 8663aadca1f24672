"""Is the model that serves fresh and good, and what is tried beside it?"""

from __future__ import annotations

from tools.panels.shapes import DAY, Row, line, one

__all__ = ["MODEL"]

MODEL = (
    Row(
        "What serves",
        (
            one("Version", "The one that answers.", "none", "storecast_model_info", "{{name}} {{version}}"),
            one(
                "Forecasts are old",
                "Since they were published.",
                "s",
                "max(storecast_materialization_age_seconds)",
                warn=8 * DAY,
            ),
            one(
                "Data is old",
                "Since the last week that the model has seen.",
                "s",
                "time() - max(storecast_model_cutoff_timestamp_seconds)",
            ),
            one(
                "Judged",
                "Since the last look at accuracy, coverage and drift.",
                "s",
                "time() - max(storecast_monitor_last_run_timestamp_seconds)",
                warn=2 * DAY,
            ),
            one(
                "Better than naive",
                "Share of the better naive's error that the model takes away; below 0 it is worse.",
                "percentunit",
                "min(storecast_live_value_added_ratio)",
                bad=0,
                falling=True,
            ),
            one(
                "Train again",
                "What the last look says.",
                "none",
                "max(storecast_retraining_due)",
                warn=1,
                says=("no", "due"),
            ),
        ),
    ),
    Row(
        "Is it good",
        (
            line(
                "Error",
                "Of forecasts that met their actual, over sales.",
                "percentunit",
                ("max(storecast_live_wape_ratio)", "model"),
                ("max(storecast_live_naive_wape_ratio)", "better naive"),
            ),
            line(
                "Value added",
                "Below 0 a naive forecast is better.",
                "percentunit",
                ("max(storecast_live_value_added_ratio)", "over the naive"),
            ),
            line("Bias", "Above 0: too high.", "percentunit", ("max(storecast_live_bias_ratio)", "bias")),
            line(
                "Coverage",
                "What bands held of actual sales.",
                "percentunit",
                ("max by (level) (storecast_live_coverage_ratio)", "{{level}} % band"),
            ),
        ),
    ),
    Row(
        "Drift and trials",
        (
            line(
                "Drift", "Alarms that are on.", "none", ("max by (kind) (storecast_drift_alarms)", "{{kind}}")
            ),
            line(
                "Shadow",
                "How far the challenger is from what was answered, over its sum.",
                "percentunit",
                ("max(storecast_shadow_difference_ratio)", "apart"),
            ),
            line("Canary", "Share of series.", "percentunit", ("max(storecast_canary_share_ratio)", "share")),
            line(
                "Answers by arm",
                "While a canary is under way.",
                "cps",
                ("sum by (arm) (rate(storecast_canary_answers_total[5m]))", "{{arm}}"),
            ),
            line(
                "Taken back",
                "Trials that broke a limit.",
                "none",
                ("sum by (kind) (storecast_canary_breaches_total)", "{{kind}}"),
            ),
        ),
    ),
)
