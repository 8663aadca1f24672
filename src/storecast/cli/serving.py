"""``storecast serve``: light to start, so nothing here reaches pandas or MLflow."""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from storecast.cli.options import Name
from storecast.cli.output import command, screen

if TYPE_CHECKING:
    from storecast.wiring.serving import Worker

__all__ = ["serve"]

_CHILD = "from storecast.cli.follow import follow_as_child; follow_as_child()"


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    name: Name = None,
    follow: Annotated[
        bool, typer.Option(help="Run `storecast follow` beside it: promotions, uploaded data sets.")
    ] = True,
) -> None:
    """Answer forecasts over HTTP until stopped; what happens goes to standard error, a JSON object a line.

    Examples:

      storecast serve

      storecast serve --host 0.0.0.0 --port 8080 --no-follow
    """
    from storecast.service import jsonlog
    from storecast.service.server import Server, address, listen
    from storecast.settings import Settings
    from storecast.wiring.serving import make_worker

    settings = Settings() if name is None else Settings(name=name)
    jsonlog.set_up()
    sock = listen(host, port)
    worker = make_worker(settings, host)
    worker.start()
    child = _Follower(settings.name) if follow else None

    def started() -> None:
        _tell(worker, address(sock), name)
        if child is not None:
            child.start()

    def draining() -> None:
        worker.service.draining = True

    try:
        Server(
            worker.app, sock, drain_seconds=settings.drain_seconds, started=started, draining=draining
        ).serve_on_socket()
    finally:
        if child is not None:
            child.stop()
        worker.close()


def _tell(worker: Worker, url: str, name: str | None) -> None:
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
    screen.print("Ctrl-C ends it.")
    sys.stdout.flush()


class _Follower:
    """``storecast follow`` as a child: started again where it ends, ended where this process does."""

    def __init__(self, name: str) -> None:
        self._name, self._stopping = name, threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="follower", daemon=True)

    def start(self) -> None:
        """Start the child."""
        self._thread.start()

    def _keep(self) -> None:
        pause = 1.0
        while not self._stopping.is_set():
            started = time.monotonic()
            # Its standard input is a pipe from here: however this process ends, the child notices. In a
            # group of its own Ctrl-C does not reach it: it works on while the service drains.
            self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and code
                [sys.executable, "-c", _CHILD, self._name], stdin=subprocess.PIPE, process_group=0
            )
            self._child.wait()
            pause = 1.0 if time.monotonic() - started > 60.0 else min(2.0 * pause, 30.0)
            self._stopping.wait(pause)

    def stop(self) -> None:
        """End the child, kindly first."""
        self._stopping.set()
        child = self._child
        if child is not None and child.poll() is None:
            child.terminate()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
        if self._thread.is_alive():
            self._thread.join(5)
