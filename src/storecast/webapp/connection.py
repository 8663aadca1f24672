"""The way to the service: connections that sessions share, and whose certificates they trust."""

from __future__ import annotations

import ssl
from functools import cache

import httpx

__all__ = ["make_http", "shared_http", "trusted"]

_TIMEOUT = httpx.Timeout(8.0, connect=2.0, write=30.0, pool=5.0)


def trusted(ca_file: str) -> ssl.SSLContext | bool:
    """What httpx verifies a certificate with: by the authorities in a file, or those generally known."""
    return ssl.create_default_context(cafile=ca_file) if ca_file else True


def make_http(service_url: str, ca_file: str = "") -> httpx.Client:
    """Connections to the service, to be shared by many sessions."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=32)
    return httpx.Client(
        base_url=service_url, timeout=_TIMEOUT, limits=limits, trust_env=False, verify=trusted(ca_file)
    )


@cache
def shared_http(service_url: str, ca_file: str = "") -> httpx.Client:
    """The one of this process."""
    return make_http(service_url, ca_file)
