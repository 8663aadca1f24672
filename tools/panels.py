"""What the dashboards show: a question for a person, the query that answers it, and its unit."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DASHBOARDS", "Panel", "Row"]


class Panel(NamedTuple):
    """``queries``: each with the words of its legend; ``single``: one number instead of a line over time."""

    title: str
    description: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    single: bool = False


class Row(NamedTuple):
    """Panels side by side."""

    title: str
    panels: tuple[Panel, ...]


def _one(title: str, description: str, unit: str, query: str, legend: str = "") -> Panel:
    return Panel(title, description, unit, ((query, legend),), single=True)


def _line(title: str, description: str, unit: str, *queries: tuple[str, str]) -> Panel:
    return Panel(title, description, unit, queries)


_P99 = "storecast:http_request_duration_seconds:p99"
_P50 = "storecast:http_request_duration_seconds:p50"
_COMMIT = "histogram_quantile(0.99, sum by (le) (rate(storecast_log_commit_duration_seconds_bucket[5m])))"
_SERVICE = (
    Row(
        "Now",
        (
            _one("Services up", "Those that answer Prometheus.", "none", 'sum(up{job=~"storecast.*"})'),
            _one("Requests", "A second, all services.", "reqps", "storecast:http_requests:rate5m"),
            _one("Errors", "Share of answers 5xx.", "percentunit", "max(storecast:http_errors:ratio5m)"),
            _one("Can log", "0: answers are refused.", "none", "min(storecast_log_writable)"),
            _one("Parked", "The database refuses them.", "none", "sum(storecast_log_parked_entries)"),
        ),
    ),
    Row(
        "Answers",
        (
            _line("By route", "Requests.", "reqps", ("storecast:http_requests_by_route:rate5m", "{{route}}")),
            _line(
                "Duration",
                "Half and 99 in 100 are faster.",
                "s",
                (_P50, "50 % {{route}}"),
                (_P99, "99 % {{route}}"),
            ),
            _line("Under way", "Requests.", "none", ("storecast_http_requests_in_flight", "{{instance}}")),
        ),
    ),
    Row(
        "Log",
        (
            _line("Written", "Answers, by where.", "cps", ("storecast:log_entries:rate5m", "{{outcome}}")),
            _line("Spool", "Full at 1 GiB.", "bytes", ("storecast_log_spool_bytes", "{{instance}}")),
            _line(
                "Waiting",
                "Answers in queue and spool.",
                "none",
                ("storecast_log_queue_entries", "queue {{instance}}"),
                ("storecast_log_spool_entries", "spool {{instance}}"),
            ),
            _line("Commit", "99 in 100 groups are faster.", "s", (_COMMIT, "99 %")),
        ),
    ),
    Row(
        "Machine",
        (
            _line(
                "Memory",
                "Resident.",
                "bytes",
                ('process_resident_memory_bytes{job=~"storecast.*"}', "{{instance}}"),
            ),
            _line(
                "Processor",
                "Cores in use.",
                "none",
                ('rate(process_cpu_seconds_total{job=~"storecast.*"}[5m])', "{{instance}}"),
            ),
            _line(
                "Refused",
                "By kind.",
                "cps",
                ("sum by (kind) (rate(storecast_http_refusals_total[5m]))", "{{kind}}"),
            ),
            _line(
                "Cache",
                "Share of answers found there.",
                "percentunit",
                ("storecast:cache_hits:ratio5m", "found"),
            ),
        ),
    ),
)
_MODEL = (
    Row(
        "What serves",
        (
            _one("Version", "The one that answers.", "none", "storecast_model_info", "{{name}} {{version}}"),
            _one(
                "Forecasts are old",
                "Since they were published.",
                "s",
                "max(storecast_materialization_age_seconds)",
            ),
            _one(
                "Data is old",
                "Since its last week.",
                "s",
                "time() - max(storecast_model_cutoff_timestamp_seconds)",
            ),
            _one(
                "Judged",
                "Since the last look.",
                "s",
                "time() - max(storecast_monitor_last_run_timestamp_seconds)",
            ),
            _one("Train again", "1: due.", "none", "max(storecast_retraining_due)"),
        ),
    ),
    Row(
        "Is it good",
        (
            _line(
                "Error",
                "Of forecasts that met their actual, over sales.",
                "percentunit",
                ("max(storecast_live_wape_ratio)", "model"),
                ("max(storecast_live_naive_wape_ratio)", "better naive"),
            ),
            _line(
                "Value added",
                "Below 0 a naive forecast is better.",
                "percentunit",
                ("max(storecast_live_value_added_ratio)", "over the naive"),
            ),
            _line("Bias", "Above 0: too high.", "percentunit", ("max(storecast_live_bias_ratio)", "bias")),
            _line(
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
            _line(
                "Drift", "Alarms that are on.", "none", ("max by (kind) (storecast_drift_alarms)", "{{kind}}")
            ),
            _line(
                "Canary", "Share of series.", "percentunit", ("max(storecast_canary_share_ratio)", "share")
            ),
            _line(
                "Answers by arm",
                "While a canary is under way.",
                "cps",
                ("sum by (arm) (rate(storecast_canary_answers_total[5m]))", "{{arm}}"),
            ),
            _line(
                "Taken back",
                "Trials that broke a limit.",
                "none",
                ("sum by (kind) (storecast_canary_breaches_total)", "{{kind}}"),
            ),
        ),
    ),
)
_BUSINESS = (
    Row(
        "Use",
        (
            _one("Forecasts served", "Today.", "none", "sum(increase(storecast_forecasts_served_total[1d]))"),
            _one("Overrides", "That count now.", "none", "max(storecast_overrides_active)"),
            _one(
                "Sales are known until",
                "Age of the last week.",
                "s",
                "time() - max(storecast_actuals_last_week_timestamp_seconds)",
            ),
            _one("Judged forecasts", "That met their actual.", "none", "max(storecast_live_rows)"),
        ),
    ),
    Row(
        "Worth",
        (
            _line("Forecasts by kind", "A second.", "cps", ("storecast:forecasts_served:rate5m", "{{kind}}")),
            _line(
                "Overrides' worth",
                "Share of the model's error taken away.",
                "percentunit",
                ("max(storecast_override_value_added_ratio)", "overrides"),
            ),
            _line(
                "Web app",
                "What people did.",
                "cps",
                ("sum by (event, page) (rate(storecast_web_events_total[5m]))", "{{event}} {{page}}"),
            ),
        ),
    ),
)
_INFRASTRUCTURE = (
    Row(
        "Who answers",
        (_line("Up", "Everything that Prometheus asks.", "none", ("up", "{{job}} {{instance}}")),),
    ),
    Row(
        "Host",
        (
            _line(
                "Processor",
                "Share in use.",
                "percentunit",
                ('1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))', "{{instance}}"),
            ),
            _line(
                "Memory",
                "Share in use.",
                "percentunit",
                ("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "{{instance}}"),
            ),
            _line(
                "Disk",
                "Share in use.",
                "percentunit",
                (
                    '1 - node_filesystem_avail_bytes{fstype!~"tmpfs|overlay"} / node_filesystem_size_bytes',
                    "{{mountpoint}}",
                ),
            ),
        ),
    ),
    Row(
        "Containers",
        (
            _line(
                "Processor",
                "Cores in use.",
                "none",
                ('sum by (name) (rate(container_cpu_usage_seconds_total{name!=""}[5m]))', "{{name}}"),
            ),
            _line(
                "Memory",
                "Working set.",
                "bytes",
                ('sum by (name) (container_memory_working_set_bytes{name!=""})', "{{name}}"),
            ),
            _line("Redis", "1 where it answers.", "none", ("storecast_redis_up", "{{instance}}")),
        ),
    ),
)
DASHBOARDS = {
    "service": ("Storecast: service", _SERVICE),
    "model": ("Storecast: model", _MODEL),
    "business": ("Storecast: business", _BUSINESS),
    "infrastructure": ("Storecast: infrastructure", _INFRASTRUCTURE),
}
