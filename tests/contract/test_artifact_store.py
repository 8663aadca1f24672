"""What every artifact store promises."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from storecast.errors import ArtifactError
from storecast.ports import ArtifactContent, ArtifactStore
from tests.mlflow_server import small_content


def test_what_was_saved_is_loaded(store: ArtifactStore, tmp_path: Path) -> None:
    """A saved content comes back whole, by path alone and by path and digest."""
    digest = store.save(small_content(), str(tmp_path / "a"))
    for back in (store.load(str(tmp_path / "a")), store.load(str(tmp_path / "a"), digest)):
        np.testing.assert_array_equal(back.arrays["values"], small_content().arrays["values"])
        assert back.arrays["keys"].tolist() == ["1_1", "2_1"]
        assert back.texts == small_content().texts
        assert back.meta == small_content().meta


def test_equal_contents_have_equal_digests(store: ArtifactStore, tmp_path: Path) -> None:
    """The digest is one for equal contents and another for any other content."""
    one = store.save(small_content(1), str(tmp_path / "a"))
    assert store.save(small_content(1), str(tmp_path / "b")) == one
    assert store.save(small_content(2), str(tmp_path / "c")) != one
    assert len(one) == 64


def test_another_digest_is_refused(store: ArtifactStore, tmp_path: Path) -> None:
    """A folder is not loaded under the digest of another one."""
    store.save(small_content(1), str(tmp_path / "a"))
    other = store.save(small_content(2), str(tmp_path / "b"))
    with pytest.raises(ArtifactError, match="not the one that was registered"):
        store.load(str(tmp_path / "a"), other)


def test_folders_are_immutable(store: ArtifactStore, tmp_path: Path) -> None:
    """A folder is never written over."""
    digest = store.save(small_content(1), str(tmp_path / "a"))
    with pytest.raises(ArtifactError, match="never written over"):
        store.save(small_content(2), str(tmp_path / "a"))
    assert store.load(str(tmp_path / "a"), digest).meta["number"] == 1


def test_an_unknown_folder_is_refused(store: ArtifactStore, tmp_path: Path) -> None:
    """A path where nothing was saved is refused."""
    with pytest.raises(ArtifactError, match="no model folder"):
        store.load(str(tmp_path / "nowhere"))


def test_objects_are_refused(store: ArtifactStore, tmp_path: Path) -> None:
    """An array of Python objects is refused when saved."""
    with pytest.raises(ArtifactError, match="cannot be stored as plain data"):
        store.save(ArtifactContent({"a": np.array([None, "x"], dtype=object)}), str(tmp_path / "a"))
    with pytest.raises(ArtifactError, match="no model folder"):
        store.load(str(tmp_path / "a"))
