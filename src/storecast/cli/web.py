"""``storecast web``: the app for a browser, in front of the service."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from storecast.cli.children import end_with_the_parent
from storecast.cli.output import screen

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

    On an address that other machines reach, everybody signs in with a key of `storecast keys issue`.

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
    screen.print(
        f"Open  {address_of(settings.web_host, port)}  in a browser; the service is at {settings.service_url}"
    )
    screen.print("Ctrl-C ends it.")
    sys.stdout.flush()
    _run(settings.web_host, port)


def address_of(host: str, port: int) -> str:
    """What a browser on this machine opens."""
    everywhere = ("127.0.0.1", "::1", "0.0.0.0", "::")  # noqa: S104 - names, nothing listens here
    shown = "localhost" if host in everywhere else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def _run(host: str, port: int) -> None:
    import uvicorn

    uvicorn.run(
        _APP,
        factory=True,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,  # browsers come back by themselves
    )


def web_as_child() -> None:
    """The app on the address, port and service that the command line gives; it ends with its parent."""
    end_with_the_parent()
    host, port, service = sys.argv[1:]
    os.environ |= {"STORECAST_WEB_HOST": host, "STORECAST_SERVICE_URL": service}
    _run(host, int(port))
