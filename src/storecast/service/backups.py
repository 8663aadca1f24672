"""What came of the last backups, kept at hand for the metrics: no backup is made in this process."""

from __future__ import annotations

from collections.abc import Iterator

from storecast.errors import LogError
from storecast.ports.backups import BackupRun, BackupRuns
from storecast.service.looks import Sample

__all__ = ["KINDS", "LastBackups"]

KINDS = ("create", "verify")


class LastBackups:
    """The last attempt of each kind, and the last that went well; ``refresh`` reads them, and does nothing
    while the database is away."""

    def __init__(self, runs: BackupRuns) -> None:
        self._runs = runs
        self._last: dict[str, BackupRun] = {}
        self._good: dict[str, BackupRun] = {}

    def refresh(self) -> None:
        """Read them."""
        last: dict[str, BackupRun] = {}
        good: dict[str, BackupRun] = {}
        try:
            for kind in KINDS:
                if (run := self._runs.latest(kind)) is not None:
                    last[kind] = run
                if (run := self._runs.latest(kind, good=True)) is not None:
                    good[kind] = run
        except LogError:
            return
        self._last, self._good = last, good

    def samples(self) -> Iterator[Sample]:
        """Metrics by ``kind``; a kind that nobody has tried yet is left out."""
        for kind, run in self._last.items():
            label = ("kind", kind)
            text = "When one was tried last."
            yield Sample("backup_last_run_timestamp_seconds", text, run.at / 1e6, label)
            text = "1 where the last try came to nothing."
            yield Sample("backup_failed", text, float(run.failure != ""), label)
        for kind, run in self._good.items():
            label = ("kind", kind)
            text = "When one last went well."
            yield Sample("backup_last_success_timestamp_seconds", text, run.at / 1e6, label)
            yield Sample("backup_size_bytes", "Of the archive that went well last.", float(run.size), label)
            yield Sample("backup_duration_seconds", "How long that took.", run.seconds, label)
