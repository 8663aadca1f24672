"""Is it up and fast, and does it lose nothing?"""

from __future__ import annotations

from tools.panels.shapes import DAY, Row, line, one

__all__ = ["SERVICE"]

_P99 = "storecast:http_request_duration_seconds:p99"
_P50 = "storecast:http_request_duration_seconds:p50"
_COMMIT = "histogram_quantile(0.99, sum by (le) (rate(storecast_log_commit_duration_seconds_bucket[5m])))"
_SLOWEST = f'max({_P99}{{route="/v1/forecasts"}})'
_LOST = 'sum(increase(storecast_log_entries_total{outcome="refused"}[1d]))'
_GOOD = "storecast_backup_last_success_timestamp_seconds"
_RINGING = 'count(ALERTS{alertstate="firing", severity!="info"}) or vector(0)'
SERVICE = (
    Row(
        "Is it up and fast",
        (
            one(
                "Services down",
                "Of those that Prometheus asks; one of two may go unnoticed by callers.",
                "none",
                'count(up{job=~"storecast.*"} == 0) or vector(0)',
                bad=1,
            ),
            one("Alerts", "That ring now: critical and warning.", "none", _RINGING, warn=1),
            one("Requests", "A second, all services.", "reqps", "storecast:http_requests:rate5m"),
            one(
                "Errors",
                "Share of answers that failed by the service's fault (5xx), of 5 minutes.",
                "percentunit",
                "max(storecast:http_errors:ratio5m)",
                warn=0.01,
                bad=0.05,
            ),
            one(
                "Slowest forecasts",
                "One question in a hundred about forecasts takes longer.",
                "s",
                _SLOWEST,
                warn=0.1,
                bad=0.5,
            ),
        ),
    ),
    Row(
        "Does it lose nothing",
        (
            one(
                "Can log",
                "Where not, answers are refused: none may go unlogged.",
                "none",
                "min(storecast_log_writable)",
                bad=1,
                falling=True,
                says=("no", "yes"),
            ),
            one(
                "Log database",
                "While it is away answers wait in the spool on disk.",
                "none",
                "min(storecast_log_database_up)",
                warn=1,
                falling=True,
                says=("away", "there"),
            ),
            one(
                "Parked",
                "Entries that the database refuses; safe on disk, missing in the log.",
                "none",
                "max(storecast_log_parked_entries)",
                warn=1,
            ),
            one("Not logged", "Answers refused in a day because none could be logged.", "none", _LOST, bad=1),
            one(
                "Last backup",
                "Age of the last that went well: what a loss of the host would cost.",
                "s",
                f'time() - max({_GOOD}{{kind="create"}})',
                warn=1.1 * DAY,
                bad=1.5 * DAY,
            ),
            one(
                "Last restored",
                "Age of the last restore of a backup for a trial.",
                "s",
                f'time() - max({_GOOD}{{kind="verify"}})',
                warn=8 * DAY,
            ),
        ),
    ),
    Row(
        "Answers",
        (
            line(
                "By route",
                "Requests a second.",
                "reqps",
                ("storecast:http_requests_by_route:rate5m", "{{route}}"),
            ),
            line(
                "Duration",
                "Half and 99 in 100 are faster.",
                "s",
                (_P50, "50 % {{route}}"),
                (_P99, "99 % {{route}}"),
            ),
            line(
                "Under way",
                "Requests that are being answered.",
                "none",
                ("storecast_http_requests_in_flight", "{{instance}}"),
            ),
        ),
    ),
    Row(
        "Log",
        (
            line("Written", "Answers, by where.", "cps", ("storecast:log_entries:rate5m", "{{outcome}}")),
            line("Spool", "Full at 1 GiB.", "bytes", ("storecast_log_spool_bytes", "{{instance}}")),
            line(
                "Waiting",
                "Answers in queue and spool.",
                "none",
                ("storecast_log_queue_entries", "queue {{instance}}"),
                ("storecast_log_spool_entries", "spool {{instance}}"),
            ),
            line("Commit", "99 in 100 groups are faster.", "s", (_COMMIT, "99 %")),
        ),
    ),
    Row(
        "Backups",
        (
            line(
                "Size",
                "Of the archive that went well last.",
                "bytes",
                ("max by (kind) (storecast_backup_size_bytes)", "{{kind}}"),
            ),
            line(
                "Time taken",
                "To make it, and to restore it for a trial.",
                "s",
                ("max by (kind) (storecast_backup_duration_seconds)", "{{kind}}"),
            ),
            line(
                "Failed",
                "1 where the last try came to nothing.",
                "none",
                ("max by (kind) (storecast_backup_failed)", "{{kind}}"),
            ),
        ),
    ),
    Row(
        "Machine",
        (
            line(
                "Memory",
                "Resident.",
                "bytes",
                ('process_resident_memory_bytes{job=~"storecast.*"}', "{{instance}}"),
            ),
            line(
                "Processor",
                "Cores in use.",
                "none",
                ('rate(process_cpu_seconds_total{job=~"storecast.*"}[5m])', "{{instance}}"),
            ),
            line(
                "Refused",
                "By kind.",
                "cps",
                ("sum by (kind) (rate(storecast_http_refusals_total[5m]))", "{{kind}}"),
            ),
            line(
                "Cache",
                "Share of answers of the model found there; look-ups are faster without.",
                "percentunit",
                ("storecast:cache_hits:ratio5m", "found"),
            ),
        ),
    ),
)
