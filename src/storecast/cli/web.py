"""``storecast web``: the app for a browser, in front of the service."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from storecast.cli.output import screen

__all__ = ["web"]

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
    import uvicorn

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
    shown = "localhost" if settings.web_host in ("127.0.0.1", "::1", "0.0.0.0") else settings.web_host  # noqa: S104
    screen.print(f"Open http://{shown}:{port} in a browser. The service is at {settings.service_url}.")
    os.environ.setdefault("STREAMLIT_LOGGER_LEVEL", "warning")
    uvicorn.run(
        _APP,
        factory=True,
        host=settings.web_host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
    )
