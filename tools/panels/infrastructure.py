"""What it runs on."""

from __future__ import annotations

from tools.panels.shapes import Row, line

__all__ = ["INFRASTRUCTURE"]

INFRASTRUCTURE = (
    Row(
        "Who answers",
        (line("Up", "Everything that Prometheus asks.", "none", ("up", "{{job}} {{instance}}")),),
    ),
    Row(
        "Host",
        (
            line(
                "Processor",
                "Share in use.",
                "percentunit",
                ('1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))', "{{instance}}"),
            ),
            line(
                "Memory",
                "Share in use.",
                "percentunit",
                ("1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "{{instance}}"),
            ),
            line(
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
            line(
                "Processor",
                "Cores in use.",
                "none",
                ('sum by (name) (rate(container_cpu_usage_seconds_total{name!=""}[5m]))', "{{name}}"),
            ),
            line(
                "Memory",
                "Working set.",
                "bytes",
                ('sum by (name) (container_memory_working_set_bytes{name!=""})', "{{name}}"),
            ),
            line(
                "Network",
                "Bytes a second, in and out.",
                "Bps",
                ('sum by (name) (rate(container_network_receive_bytes_total{name!=""}[5m]))', "{{name}} in"),
                (
                    'sum by (name) (rate(container_network_transmit_bytes_total{name!=""}[5m]))',
                    "{{name}} out",
                ),
            ),
            line("Redis", "1 where it answers.", "none", ("storecast_redis_up", "{{instance}}")),
        ),
    ),
)
