"""The model registry on MLflow: runs, versions and the aliases ``champion`` and ``challenger``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from storecast.errors import RegistryError
from storecast.ports import ArtifactContent, ModelVersion, Move
from storecast.stores.artifacts import ArtifactFolders
from storecast.stores.mlflow_runs import (
    DIGEST,
    create_version,
    experiment,
    fetch,
    log,
    metrics_of,
    registered_model,
    set_alias,
    versions_of,
    write_files,
)
from storecast.stores.mlflow_session import (
    connect,
    file_stamp,
    is_file,
    is_server,
    shown,
    sqlite_uri,
    translated,
)
from storecast.stores.mlflow_versions import CHALLENGER, CHAMPION, as_ours, champion_of, describe
from storecast.stores.registry_pyfunc import DATA, write_model_files
from storecast.stores.serving_history import check_name, check_words, move_tag, moves_in, served

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion
    from mlflow.entities.model_registry import RegisteredModel

__all__ = ["MlflowRegistry"]

T = TypeVar("T")


class MlflowRegistry:
    """The ``Registry`` port on MLflow.

    ``home``: where the embedded registry lives (``mlflow.db`` and ``mlruns``); ``uri``: another
    tracking server or database instead; ``clock``: the time of a promotion; ``timeout``: seconds to
    wait for the first answer; ``artifacts``: with their signer and whom they trust. Every failure is a
    ``RegistryError``, a damaged model an ``ArtifactError``.

    >>> registry = MlflowRegistry("home", clock=lambda: datetime.now(UTC))              # doctest: +SKIP
    """

    def __init__(
        self,
        home: str | Path,
        *,
        clock: Callable[[], datetime],
        uri: str | None = None,
        timeout: float = 5.0,
        loader_module: str = "storecast.stores.registry_pyfunc",
        artifacts: ArtifactFolders | None = None,
    ) -> None:
        self._home, self._artifacts = Path(home).absolute(), artifacts or ArtifactFolders()
        self._uri = uri or sqlite_uri(self._home)
        self._clock, self._timeout, self._loader_module = clock, timeout, loader_module

    @property
    def uri(self) -> str:
        """What MLflow calls the tracking URI, for ``mlflow ui`` and ``mlflow.set_tracking_uri``."""
        return self._uri

    def register(
        self,
        name: str,
        content: ArtifactContent,
        *,
        params: Mapping[str, Any],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        files: Mapping[str, bytes],
    ) -> ModelVersion:
        """Track a run and register ``content`` as the next version of ``name``, alias ``challenger``.

        The version is made only after the artifact was stored and read back whole; a call that fails
        or is killed leaves at most a failed run. ``files``: report and pictures by path, kept with the
        run.
        """
        check_name(name)
        folders, tags = self._artifacts, dict(tags)
        with (
            self._translated(f"the model {name} was not registered"),
            tempfile.TemporaryDirectory(prefix="storecast-") as staging,
        ):
            model, extra = Path(staging, "model"), Path(staging, "files")
            tags[DIGEST] = digest = folders.save(content, str(model / DATA))
            write_files(extra, files)
            write_model_files(model, digest, self._loader_module)
            client = self._client
            where = experiment(client, name, None if is_server(self._uri) else self._runs.as_uri())
            run = client.create_run(where, run_name=f"{name}-{digest[:8]}", tags=tags).info
            status = "FAILED"
            try:
                log(client, run.run_id, params, metrics)
                client.log_artifacts(run.run_id, str(model), "model")
                client.log_artifacts(run.run_id, str(extra))
                source = f"{run.artifact_uri}/model"
                fetch(source, digest, self._uri, folders.check)  # what was stored, read back whole
                version = create_version(client, name, source, run.run_id, tags)
                set_alias(client, name, CHALLENGER, version)
                status = "FINISHED"
            finally:
                client.set_terminated(run.run_id, status)
            return self._version(name, int(version))

    def describe(self, name: str, version: int, text: str, files: Mapping[str, bytes]) -> None:
        """Give ``version`` the description ``text``, and its run ``files`` by path; those that were there
        are replaced."""
        with self._translated(f"version {version} of {name} was not described"):
            describe(self._client, self._find(name, version), text, files)

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of ``name``, newest first; empty where the name is unknown."""
        with self._translated(f"the versions of {name} could not be listed"):
            model = self._model(name)
            if model is None:
                return []
            found = versions_of(self._client, name)
            metrics = metrics_of(self._client, [item.run_id for item in found if item.run_id])
        versions = [as_ours(item, model, metrics) for item in found]
        return sorted(versions, key=lambda version: -version.version)

    def champion(self, name: str) -> ModelVersion | None:
        """The version that carries the alias ``champion``, if any."""
        with self._translated(f"the champion of {name} could not be read"):
            current = champion_of(self._model(name))
            return None if current is None else self._version(name, current)

    def load(self, name: str, version: int) -> ArtifactContent:
        """The artifact of one version, checked against the digest recorded when it was registered."""
        with self._translated(f"version {version} of {name} could not be loaded"):
            return self._read(name, version, self._artifacts.load)

    def export(self, name: str, version: int, folder: str) -> None:
        """Copy the artifact of one version byte for byte as ``folder``, whole or not at all."""
        with self._translated(f"version {version} of {name} could not be copied"):
            self._read(name, version, lambda source, digest: self._artifacts.copy(source, folder, digest))

    def promote(self, name: str, version: int, *, who: str, why: str) -> ModelVersion:
        """Move ``champion`` to ``version`` once its artifact has been read whole, and record the move."""
        with self._translated(f"version {version} of {name} was not promoted"):
            current = champion_of(self._model(name))
            self._read(name, version, self._artifacts.check)
            return self._move(name, Move("promote", version, current, who, why, self._now()))

    def rollback(self, name: str, *, who: str, why: str, to: int | None = None) -> ModelVersion:
        """Undo the last promotion not undone yet, or all back ``to`` a version, once that was read whole;
        ``serving_history.served`` says how a move of the alias made elsewhere counts."""
        with self._translated(f"{name} was not rolled back"):
            model = self._model(name)
            current = champion_of(model)
            pile = served(moves_in(model.tags if model else {}), current)
            target = to if to is not None else pile[-2] if len(pile) > 1 else None
            if target is None:
                raise RegistryError(
                    f"there is no earlier champion of {name} to go back to",
                    where=shown(self._uri),
                    expected="a promotion that replaced another version",
                    found="no champion"
                    if current is None
                    else f"version {current}, before which none served",
                    remedy="promote the version you want by its number",
                )
            self._read(name, target, self._artifacts.check)
            return self._move(name, Move("rollback", target, current, who, why, self._now()))

    def history(self, name: str) -> list[Move]:
        """Which version served when: all recorded moves of ``champion``, oldest first."""
        with self._translated(f"the history of {name} could not be read"):
            model = self._model(name)
        return moves_in(model.tags if model else {})

    def stamp(self, name: str) -> object:
        """What changes with every move of ``champion``: marks of the embedded database's files, else its
        version, by one call. None where there is nothing registered."""
        if is_file(self._uri):
            return file_stamp(self._uri)
        with self._translated(f"the champion of {name} could not be read"):
            return champion_of(self._model(name))

    @property
    def _runs(self) -> Path:
        return self._home / "mlruns"

    @cached_property
    def _client(self) -> MlflowClient:
        return connect(self._uri, self._timeout)

    def _translated(self, what: str) -> AbstractContextManager[None]:
        return translated(what, self._uri)

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="milliseconds")

    def _model(self, name: str) -> RegisteredModel | None:
        check_name(name)
        return registered_model(self._client, name)

    def _find(self, name: str, version: int) -> MlflowVersion:
        from mlflow.exceptions import MlflowException

        check_name(name)
        try:
            return self._client.get_model_version(name, str(version))
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            known = [str(item.version) for item in self.versions(name)]
            raise RegistryError(
                f"there is no version {version} of {name}",
                where=shown(self._uri),
                expected=f"one of {', '.join(known[:20])}" if known else "a registered version",
                found=f"{len(known)} versions",
                remedy="list the versions, or train to register one",
            ) from error

    def _read(self, name: str, version: int, read: Callable[[str, str], T]) -> T:
        found = self._find(name, version)
        digest = found.tags.get(DIGEST)
        if not digest or not found.source:
            raise RegistryError(
                f"version {version} of {name} was not registered by storecast",
                where=shown(self._uri),
                expected=f"a tag {DIGEST} with the digest of its artifact",
                found="no such tag",
                remedy="choose a version that `storecast models list` shows with a digest",
            )
        fallback = self._runs / (found.run_id or "none") / "artifacts" / "model"
        return fetch(found.source, digest, self._uri, read, fallback)

    def _version(self, name: str, version: int) -> ModelVersion:
        found = self._find(name, version)
        metrics = metrics_of(self._client, [found.run_id] if found.run_id else [])
        return as_ours(found, self._model(name), metrics)

    def _move(self, name: str, move: Move) -> ModelVersion:
        """Record ``move``, move the alias, and see that it is where it was put.

        MLflow has no compare-and-set for aliases; reading before and after leaves a gap of one call.
        """
        if move.version == move.previous:
            return self._version(name, move.version)
        check_words(move)
        model = self._model(name)
        if model is None or champion_of(model) != move.previous:
            raise self._taken(name, move, champion_of(model))
        key, value = move_tag(move, len(moves_in(model.tags)) + 1)
        self._client.set_registered_model_tag(name, key, value)
        self._client.set_registered_model_alias(name, CHAMPION, str(move.version))
        after = self._model(name)
        if after is None or champion_of(after) != move.version:
            raise self._taken(name, move, champion_of(after))
        if int(after.aliases.get(CHALLENGER, 0)) == move.version:
            self._client.delete_registered_model_alias(name, CHALLENGER)
        return self._version(name, move.version)

    def _taken(self, name: str, move: Move, now: int | None) -> RegistryError:
        return RegistryError(
            f"somebody else moved the champion of {name} at the same time",
            where=shown(self._uri),
            expected=f"from version {move.previous} to {move.version}",
            found=f"version {now} is champion",
            remedy="look at the history, then decide again",
        )
