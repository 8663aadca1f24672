"""Runs that make no version, such as studies: tracked beside those that do."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from storecast.stores.mlflow_runs import experiment, log, write_files
from storecast.stores.mlflow_session import connect, is_server, sqlite_uri, translated
from storecast.stores.serving_history import check_name

__all__ = ["MlflowTracker"]


class MlflowTracker:
    """The port ``Tracker`` in MLflow: at ``uri``, else embedded in the folder ``home``."""

    def __init__(self, home: str | Path, *, uri: str | None = None, timeout: float = 5.0) -> None:
        self._home = Path(home).absolute()
        self._uri, self._timeout = uri or sqlite_uri(self._home), timeout

    def track(
        self,
        name: str,
        run: str,
        *,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        files: Mapping[str, bytes],
    ) -> None:
        """See ``ports.studies.Tracker.track``."""
        check_name(name)
        with (
            translated(f"the run {run} of {name} was not tracked", self._uri),
            tempfile.TemporaryDirectory(prefix="storecast-") as staging,
        ):
            extra = Path(staging, "files")
            write_files(extra, files)
            self._home.mkdir(parents=True, exist_ok=True)
            client = connect(self._uri, self._timeout)
            runs = (self._home / "mlruns").as_uri()
            where = experiment(client, name, None if is_server(self._uri) else runs)
            made = client.create_run(where, run_name=run, tags=dict(tags)).info
            status = "FAILED"
            try:
                log(client, made.run_id, params, metrics)
                client.log_artifacts(made.run_id, str(extra))
                status = "FINISHED"
            finally:
                client.set_terminated(made.run_id, status)
