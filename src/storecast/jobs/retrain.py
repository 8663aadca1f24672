"""A version fitted again, from the configuration, seed and calendar that it carries and the data it was made
from; nothing is registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from storecast.errors import DataError, RegistryError
from storecast.forecasting.calendar import calendar_of
from storecast.forecasting.events import Event
from storecast.forecasting.lineage import BRIDGE
from storecast.forecasting.quality import SalesSource
from storecast.forecasting.state import from_state
from storecast.jobs.told import asked_config
from storecast.jobs.train import TrainRequest, train
from storecast.ports import ArtifactContent, ModelVersion, Move

__all__ = ["Retrained", "retrain"]


@dataclass(frozen=True)
class Retrained:
    """``digest`` of what was fitted now, ``expected`` that of the version; ``different``: names of arrays,
    texts and metadata that are not the same, none where the digests are."""

    digest: str
    expected: str
    different: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether the very same version came out."""
        return self.digest == self.expected

    @property
    def same_numbers(self) -> bool:
        """Whether all that forecasts are made of came out the same, whatever is told about it."""
        return not [name for name in self.different if not name.startswith("meta.")]


class _Notebook:
    """A registry that registers nothing: it keeps what it is handed."""

    def __init__(self) -> None:
        self.kept: list[ArtifactContent] = []

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
        """Keep it."""
        self.kept.append(content)
        return ModelVersion(name, len(self.kept), "", "", (), metrics, tags)

    def describe(self, name: str, version: int, text: str, files: Mapping[str, bytes]) -> None:
        """Nobody reads it."""

    def versions(self, name: str) -> list[ModelVersion]:
        """None."""
        return []

    def champion(self, name: str) -> ModelVersion | None:
        """None."""
        return None

    def load(self, name: str, version: int) -> ArtifactContent:
        """What was kept."""
        return self.kept[version - 1]

    def history(self, name: str) -> list[Move]:
        """None."""
        return []

    def stamp(self, name: str) -> object:
        """Nothing changes."""
        return None

    def export(self, name: str, version: int, folder: str) -> None:
        """Nothing is given away."""
        raise _nothing()

    def promote(self, name: str, version: int, *, who: str, why: str) -> ModelVersion:
        """Nothing serves."""
        raise _nothing()

    def rollback(self, name: str, *, who: str, why: str, to: int | None = None) -> ModelVersion:
        """Nothing serves."""
        raise _nothing()


def _nothing() -> RegistryError:
    return RegistryError("nothing is registered here")


def retrain(
    source: SalesSource,
    content: ArtifactContent,
    path: str,
    *,
    digest: Callable[[ArtifactContent], str],
    unit: str = "$",
    events: Sequence[Event] = (),
    advance: Callable[[str, float], None] = lambda stage, share: None,
) -> Retrained:
    """Fit what ``content`` was fitted as, on the sales at ``path``.

    ``digest`` gives that of an artifact; the gate's verdict, which is of its day, is taken over. Raises
    DataError where the data are not those that the version was made from, before anything is fitted.
    """
    recorded = str(content.meta.get("data_digest", ""))
    if (found := source.read(path).digest) != recorded:
        raise DataError(
            "These are not the data that the version was made from.",
            where=path,
            expected=f"data with digest {recorded}",
            found=f"digest {found}",
            remedy="Name the data as they were then; the digest is recorded with the version.",
        )
    config = from_state(content.arrays, content.texts, content.meta).config
    notebook = _Notebook()
    request = TrainRequest(config=asked_config(config, content.meta), unit=unit, promote=False)
    calendar = calendar_of(content.meta["calendar"])
    train(source, notebook, path, request, calendar, created="", events=events, advance=advance)
    made = next((c for c in notebook.kept if c.meta["config"]["model"] == config.model), notebook.kept[-1])
    # Of its day are the gate's verdict, against what served then, with seconds that were measured; and the
    # way from that version to this one.
    then = {name: content.meta[name] for name in ("gate", "lineage") if name in content.meta}
    bridges = {name: array for name, array in content.arrays.items() if name.startswith(BRIDGE)}
    made = replace(made, arrays={**made.arrays, **bridges}, meta={**made.meta, **then})
    return Retrained(digest(made), digest(content), tuple(_different(content, made)))


def _different(one: ArtifactContent, other: ArtifactContent) -> list[str]:
    out = [
        name
        for name in sorted(one.arrays.keys() | other.arrays.keys())
        if name not in one.arrays
        or name not in other.arrays
        or not _same(one.arrays[name], other.arrays[name])
    ]
    out += [
        f"{name}.txt"
        for name in sorted(one.texts.keys() | other.texts.keys())
        if one.texts.get(name) != other.texts.get(name)
    ]
    meta = sorted(one.meta.keys() | other.meta.keys())
    return out + [
        f"meta.{name}" for name in meta if _plain(one.meta.get(name)) != _plain(other.meta.get(name))
    ]


def _same(one: Any, other: Any) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    return bool(one.shape == other.shape and one.astype(other.dtype).tobytes() == other.tobytes())


def _plain(value: Any) -> Any:
    """As JSON has it: tuples are lists, keys are texts."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
