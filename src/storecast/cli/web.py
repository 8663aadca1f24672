"""``storecast web``: the app for a browser, in front of the service."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from storecast.cli.certificates import certificate_of
from storecast.cli.children import end_with_the_parent
from storecast.cli.output import screen

if TYPE_CHECKING:
    import socket

    from storecast.service.certificate import Certificate

__all__ = ["address_of", "web", "web_as_child"]

_APP = "storecast.webapp.server:create"  # by name: neither imports the other


def web(
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port.")] = 8501,
    service: Annotated[
        str | None, typer.Option(help="Where the service is. [default: http://127.0.0.1:8000]")
    ] = None,
) -> None:
    """Show forecasts in a browser until stopped; the service is asked over HTTP.

    On an address that other machines reach, everybody signs in with a key of `storecast keys issue`. With
    STORECAST_TLS_CERT_FILE and STORECAST_TLS_KEY_FILE it answers over TLS.

    Examples:

      storecast web

      storecast web --host 0.0.0.0 --service http://forecasts:8000
    """
    from storecast.errors import SetupError
    from storecast.settings import Settings

    given = {"web_host": host, "service_url": service}
    for name, value in given.items():
        if value is not None:  # the app reads its settings itself, in this process
            os.environ[f"STORECAST_{name.upper()}"] = value
    settings = Settings()
    if not settings.service_url.startswith(("http://", "https://")):
        raise SetupError(
            "The service's address is none.",
            where="--service or STORECAST_SERVICE_URL",
            expected="an address such as http://127.0.0.1:8000",
            found=settings.service_url,
            remedy="Give the address that `storecast serve` prints.",
        )
    certificate = certificate_of(settings)
    url = address_of(settings.web_host, port, "https" if certificate else "http")
    screen.print(f"Open  {url}  in a browser; the service is at {settings.service_url}")
    screen.print("Ctrl-C ends it.")
    sys.stdout.flush()
    _run(settings.web_host, port, certificate)


def address_of(host: str, port: int, scheme: str) -> str:
    """What a browser on this machine opens."""
    everywhere = ("127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104 - names, nothing listens here
    shown = "localhost" if host in everywhere else f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}:{port}"


def _run(host: str, port: int, certificate: Certificate | None) -> None:
    import asyncio

    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            self.keeper = asyncio.create_task(certificate.keep()) if certificate else None

    server = Server(
        uvicorn.Config(
            _APP,
            factory=True,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,  # browsers come back by themselves
            ssl_context_factory=(lambda *_: certificate.context) if certificate else None,
        )
    )
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        sys.exit(1)


def web_as_child() -> None:
    """The app on the address, port and service that the command line gives; it ends with its parent."""
    from storecast.settings import Settings

    end_with_the_parent()
    host, port, service = sys.argv[1:]
    os.environ |= {"STORECAST_WEB_HOST": host, "STORECAST_SERVICE_URL": service}
    _run(host, int(port), certificate_of(Settings()))
