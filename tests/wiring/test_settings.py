"""Where settings come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from storecast.settings import Settings


def test_a_setting_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file named by the setting counts, without the line's end; the environment wins over it; a folder
    that is not there is none."""
    url = "postgresql://storecast:word@postgres/storecast?sslmode=verify-full"
    (tmp_path / "storecast_log_url").write_text(url + "\n")
    (tmp_path / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    monkeypatch.delenv("STORECAST_LOG_URL", raising=False)
    monkeypatch.setenv("STORECAST_SECRETS", str(tmp_path))
    assert Settings().log_url == url
    monkeypatch.setenv("STORECAST_LOG_URL", "sqlite:///x.db")
    assert Settings().log_url == "sqlite:///x.db"
    monkeypatch.delenv("STORECAST_LOG_URL")
    monkeypatch.setenv("STORECAST_SECRETS", str(tmp_path / "nothing"))
    assert Settings().log_url == ""
