"""``storecast serve``: light to start, so nothing here reaches pandas or MLflow."""

from __future__ import annotations

import gc
import shlex
import sys
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from storecast.cli.children import Child
from storecast.cli.options import Name
from storecast.cli.output import command, screen

if TYPE_CHECKING:
    from storecast.wiring.serving import Worker

__all__ = ["serve"]

_FOLLOW = "from storecast.cli.follow import follow_as_child; follow_as_child()"
_WEB = "from storecast.cli.web import web_as_child; web_as_child()"
_WEB_PORT = 8501
# How many new objects the interpreter lets gather before it looks for garbage, young and older. Requests
# under way are many objects and hardly any is garbage: looking after every 700 took a fifth of the time.
_GARBAGE = (20_000, 20, 50)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    name: Name = None,
    follow: Annotated[
        bool, typer.Option(help="Run `storecast follow` beside it: promotions, uploaded data sets.")
    ] = True,
    web: Annotated[
        bool,
        typer.Option("--web", help="Show the web app beside it (`storecast web`), on port 8501 if free."),
    ] = False,
) -> None:
    """Answer forecasts over HTTP until stopped; what happens goes to standard error, a JSON object a line.

    Examples:

      storecast serve

      storecast serve --web

      storecast serve --host 0.0.0.0 --port 8080 --no-follow
    """
    from storecast.cli.certificates import certificate_of
    from storecast.cli.web import address_of
    from storecast.service import jsonlog
    from storecast.service.server import Server, address, listen
    from storecast.settings import Settings
    from storecast.wiring.serving import make_worker

    settings = Settings() if name is None else Settings(name=name)
    jsonlog.set_up()
    certificate = certificate_of(settings)
    sock = listen(host, port)
    worker = make_worker(settings, host)
    worker.start()
    children = [Child("follower", _FOLLOW, settings.name)] if follow else []
    web_port = _free(host, _WEB_PORT) if web else None

    def started() -> None:
        url = address(sock, server.scheme)
        if web_port is not None:
            children.append(Child("web app", _WEB, host, str(web_port), url))
        gc.freeze()  # what was loaded is no garbage, and is not looked through again
        gc.set_threshold(*_GARBAGE)
        _tell(worker, url, name, None if web_port is None else address_of(host, web_port, server.scheme))
        for child in children:
            child.start()

    def draining() -> None:
        worker.service.draining = True

    try:
        server = Server(
            worker.app,
            sock,
            drain_seconds=settings.drain_seconds,
            started=started,
            draining=draining,
            certificate=certificate,
        )
        server.serve_on_socket()
    finally:
        for child in children:
            child.stop()
        worker.close()


def _free(host: str, port: int) -> int:
    """This port, or any where it is taken."""
    from storecast.errors import SetupError
    from storecast.service.server import listen

    try:
        sock = listen(host, port)
    except SetupError:
        sock = listen(host, 0)
    with sock:
        return int(sock.getsockname()[1])


def _tell(worker: Worker, url: str, name: str | None, web: str | None) -> None:
    """Where it listens, and a line to try it with."""
    champion = worker.service.holder.champion
    if champion is None:
        screen.print(f"Listening on {url}; nothing is published yet.")
        screen.print(f"Next: {command('train', 'DATA', name=name)}; this service follows.")
    else:
        view = champion.views["series"]
        path = f"/v1/forecasts?series={quote(view.names[0])}&horizon={min(4, len(champion.weeks))}"
        screen.print(
            f"Serving {champion.info.name} version {champion.info.version} on {url} (see {url}/docs)"
        )
        key = " -H 'Authorization: Bearer sc_...'" if len(worker.ring) else ""
        screen.print(f"Try:  curl{key} {shlex.quote(url + path)}")
    if web is not None:
        screen.print(f"Open  {web}  in a browser")
    screen.print("Ctrl-C ends it.")
    sys.stdout.flush()
