"""MLflow's server over TLS, with an authority of one's own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from storecast.errors import RegistryError
from storecast.stores.registry import MlflowRegistry
from tests.certificates import Authority
from tests.mlflow_server import small_content, tracking_server


def test_the_registry_is_reached_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose authority is named is trusted: a version is registered and comes back. Without it, with
    another's, and with a certificate of another name it is refused at once, with the setting to correct."""
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    with tracking_server(tmp_path, issued=authority.issue("127.0.0.1")) as uri:

        def registry(address: str) -> MlflowRegistry:
            return MlflowRegistry(tmp_path, clock=lambda: datetime.now(UTC), uri=address)

        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(authority.ca))
        made = registry(uri).register("sales", small_content(), params={}, metrics={}, tags={}, files={})
        assert [item.digest for item in registry(uri).versions("sales")] == [made.digest]
        registry(uri).export("sales", made.version, str(tmp_path / "back"))
        assert (tmp_path / "back" / "manifest.json").exists()
        with pytest.raises(RegistryError, match="not trusted") as caught:
            registry(uri.replace("127.0.0.1", "localhost")).versions("sales")
        assert "localhost" in str(caught.value)
        for wrong in (str(stranger.ca), ""):
            monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", wrong)
            with pytest.raises(RegistryError, match="MLFLOW_TRACKING_SERVER_CERT_PATH"):
                registry(uri).versions("sales")
