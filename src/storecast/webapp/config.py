"""What the app is told by its surroundings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address

from storecast.settings import Settings

__all__ = ["WebConfig", "is_local", "web_config"]


@dataclass(frozen=True)
class WebConfig:
    """``service_url``: where the service is; ``local``: the app is reached from this machine alone, so that
    an open service may be used without a key; ``ca_file``: the authorities that vouch for the service, "" for
    those that are generally known."""

    service_url: str
    local: bool
    ca_file: str = ""


def is_local(host: str) -> bool:
    """Whether a host name or address, without port, is this machine's own."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


@cache
def web_config() -> WebConfig:
    """The app's part of the settings, read once."""
    settings = Settings()
    return WebConfig(settings.service_url.rstrip("/"), is_local(settings.web_host), settings.service_ca_file)
