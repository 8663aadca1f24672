"""The registry of a tracking server in a backup: its versions, through MLflow's client.

In the archive: ``registry/runs/<k>/<n>/``, the files of the run of version n of the k-th model, and
``registry/models.json`` about them all. Of a server that others use too, only models with versions of
storecast's are taken.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storecast.errors import BackupError
from storecast.ports.backups import Piece
from storecast.stores.backups.registry_copies import check_whole, files_below, fits_kind
from storecast.stores.backups.tracked_models import check_room, fetched, fill, names, point, pointers, told
from storecast.stores.mlflow_runs import DIGEST
from storecast.stores.mlflow_session import connect, is_server, shown, translated
from storecast.stores.registry_pyfunc import DATA

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["TrackingCopies"]

_MODELS, _RUNS = "registry/models.json", "registry/runs"


class TrackingCopies:
    """Of the registry at ``uri``. ``home``: where artifacts lie if it is a database and no server;
    ``timeout``: seconds to wait for its first answer. What fails there is a ``RegistryError``."""

    kind = "tracking"

    def __init__(self, home: Path, uri: str, *, timeout: float = 5.0) -> None:
        self._uri, self._timeout = uri, timeout
        self._location = None if is_server(uri) else (home / "mlruns").as_uri()

    def capture(self, folder: Path) -> tuple[Mapping[str, Any], Iterator[Piece]]:
        """What there is now; the files are copied while the pieces are read, one version at a time.

        ``left_out``, a list of what is not in the backup and why, is complete when they were.
        """
        client = self._client()
        with translated("the registry cannot be backed up", self._uri):
            found = [told(client, name) for name in names(client)]
        left_out = [other for _, others in found for other in others]
        models = [model for model, _ in found]
        return {"kind": self.kind, "left_out": left_out}, self._pieces(client, folder, models, left_out)

    def _pieces(
        self, client: MlflowClient, folder: Path, models: list[dict[str, Any]], left_out: list[str]
    ) -> Iterator[Piece]:
        for place, model in enumerate(models):
            whole = []
            for version in model["versions"]:
                name = f"{_RUNS}/{place}/{version['version']}"
                target = folder / name
                target.mkdir(parents=True)
                with translated(f"{model['name']} cannot be backed up", self._uri):
                    why = fetched(client, version, target)
                if why:
                    left_out.append(f"version {version['version']} of {model['name']}: {why}")
                else:
                    yield from (Piece(f"{name}/{below}", str(path)) for below, path in files_below(target))
                    whole.append(version)
                shutil.rmtree(target)
            model["versions"] = whole
        path = folder / _MODELS
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(models, sort_keys=True), encoding="utf-8")
        yield Piece(_MODELS, str(path))

    def counts(self, folder: Path, about: Mapping[str, Any]) -> dict[str, int]:
        """How many versions there are, each of which was read whole; raises ``BackupError``."""
        if about["kind"] != self.kind:
            return {}
        count = 0
        for model, runs in _models(folder):
            for version in model["versions"]:
                path = runs / str(version["version"]) / "model" / DATA
                who = f"version {version['version']} of {model['name']}"
                check_whole(folder, path, version["tags"][DIGEST], who)
                count += 1
        return {"versions": count}

    def occupied(self) -> bool:
        """Whether the server has a model of storecast's already."""
        client = self._client()
        with translated("the registry cannot be looked at", self._uri):
            return bool(names(client))

    def fits(self, about: Mapping[str, Any]) -> None:
        """Raise ``BackupError`` where the backup's registry is of another kind than ours."""
        fits_kind(about["kind"], self.kind, shown(self._uri))

    def files(self, folder: Path, about: Mapping[str, Any]) -> list[tuple[Path | None, Path]]:
        """No file of ours takes another's place."""
        return []

    def fill(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Make the versions that are missing on the server, with files that are; of a model that was not
        there, the aliases too. All else stays. Raises ``ConflictError`` where a number is another's."""
        with self.loading(folder, about, missing=True) as aim:
            aim()

    @contextmanager
    def loading(
        self, folder: Path, about: Mapping[str, Any], *, missing: bool = False
    ) -> Iterator[Callable[[], None]]:
        """Make what is missing on the server; what is yielded lets aliases and moves be those of the backup
        (``missing``: of models that were not there). If the block raises, they are as they were; versions
        that were made stay, and are found again by the next restore."""
        if about["kind"] != self.kind:
            yield lambda: None
            return
        client, found = self._client(), _models(folder)
        what = "the registry cannot be restored"
        with translated(what, self._uri):
            for model, _ in found:
                check_room(client, model)
            before = {model["name"]: pointers(client, model["name"]) for model, _ in found}
            new = set(before) - set(names(client))
            for model, runs in found:
                fill(client, self._uri, model, runs, self._location)

        def aim() -> None:
            with translated(what, self._uri):
                for model, _ in found:
                    if not missing or model["name"] in new:
                        point(client, model["name"], model["tags"], model["aliases"])

        try:
            yield aim
        except BaseException:
            with translated("the registry's aliases cannot be put back", self._uri):
                for name, (tags, aliases) in before.items():
                    point(client, name, tags, aliases)
            raise

    def _client(self) -> MlflowClient:
        return connect(self._uri, self._timeout)


def _models(folder: Path) -> list[tuple[dict[str, Any], Path]]:
    """Each model of the backup, and where the files of its versions are."""
    try:
        models = json.loads((folder / _MODELS).read_bytes())
        for model in models:
            for version in model["versions"]:
                _ = int(version["version"]), version["tags"][DIGEST], version["run"]["params"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BackupError(
            "the backup does not tell of its versions",
            where=_MODELS,
            found=f"{type(error).__name__}: {error}",
        ) from error
    return [(model, folder / _RUNS / str(place)) for place, model in enumerate(models)]
