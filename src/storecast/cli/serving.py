"""``storecast serve``, ``keys`` and ``migrate``: light to start, so nothing here reaches pandas or MLflow."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from storecast.cli.options import Json, Name
from storecast.cli.output import command, print_json, screen, table

if TYPE_CHECKING:
    from types import FrameType

    from storecast.wiring.serving import Worker

__all__ = ["follow_as_child", "keys", "migrate", "serve"]

keys = typer.Typer(help="Issue, list and revoke API keys.", no_args_is_help=True)
_DAY = 86_400_000_000  # microseconds
_CHILD = "from storecast.cli.serving import follow_as_child; follow_as_child()"


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    name: Name = None,
    follow: Annotated[
        bool, typer.Option(help="Run `storecast follow` beside it: promotions, uploaded data sets.")
    ] = True,
) -> None:
    """Answer forecasts over HTTP until stopped.

    Examples:

      storecast serve

      storecast serve --host 0.0.0.0 --port 8080 --no-follow
    """
    from storecast.service import jsonlog
    from storecast.settings import Settings
    from storecast.wiring.serving import make_worker

    settings = Settings() if name is None else Settings(name=name)
    jsonlog.set_up()
    worker = make_worker(settings, host)
    worker.start()
    try:
        child = _Follower(settings.name) if follow else None
        try:
            _run(worker, port, settings.drain_seconds)
        finally:
            if child is not None:
                child.stop()
    finally:
        worker.close()


def _run(worker: Worker, port: int, drain_seconds: float) -> None:
    import asyncio

    import uvicorn

    class Draining(uvicorn.Server):
        """On the first signal goes on for a while, saying in each answer that the connection ends."""

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if worker.service.draining or not self.started:
                super().handle_exit(sig, frame)
                return
            worker.service.draining = True
            ends = asyncio.get_running_loop()
            ends.call_later(drain_seconds, super().handle_exit, sig, frame)

    config = uvicorn.Config(
        worker.app,
        host=worker.host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=30,
    )
    Draining(config).run()


class _Follower:
    """``storecast follow`` as a child: started again where it ends, ended where this process does."""

    def __init__(self, name: str) -> None:
        self._name, self._stopping = name, threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name="follower", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        pause = 1.0
        while not self._stopping.is_set():
            started = time.monotonic()
            # Its standard input is a pipe from here: however this process ends, the child notices.
            command = [sys.executable, "-c", _CHILD, self._name]
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE)  # noqa: S603 - our own
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
        self._thread.join(5)


def follow_as_child() -> None:
    """``storecast follow`` of the model named on the command line, until standard input ends."""

    def wait_for_the_end() -> None:
        while sys.stdin.buffer.read(4096):
            continue
        os._exit(0)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    model = sys.argv[1]
    sys.argv = ["storecast", "follow", "--name", model]
    from storecast.cli import main

    main()


@keys.command()
def issue(
    role: Annotated[Literal["reader", "planner", "operator"], typer.Option(help="What it may do.")],
    name: Annotated[str, typer.Option(help="Whose it is, for the lists.")],
    days: Annotated[int | None, typer.Option(min=1, help="Valid for so many days; always without.")] = None,
    as_json: Json = False,
) -> None:
    """Make a key and show it, once.

    Example:

      storecast keys issue --role reader --name "shop floor"
    """
    from storecast.service.security import new_key
    from storecast.settings import Settings
    from storecast.wiring.serving import key_table

    now = time.time_ns() // 1000
    token, key = new_key(name, role, now=now, expires=None if days is None else now + days * _DAY)
    key_table(Settings()).issue(key)
    if as_json:
        print_json({"id": key.id, "name": name, "role": role, "key": token})
        return
    screen.print(f"Key {key.id} of {name!r}, role {role}. It is shown this once:", markup=False)
    screen.print(token, markup=False)


@keys.command("list")
def list_(as_json: Json = False) -> None:
    """All keys; secrets are not kept."""
    from storecast.settings import Settings
    from storecast.wiring.serving import key_table

    found = key_table(Settings()).listing()
    if as_json:
        print_json([{n: v for n, v in vars(key).items() if n != "hash"} for key in found])
        return
    rows = [[k.id, k.name, k.role, _day(k.created), _day(k.expires), _day(k.revoked)] for k in found]
    table("API keys", ["id", "name", "role", "issued", "expires", "revoked"], rows)
    if not rows:
        screen.print(f"There are none. Next: {command('keys', 'issue', role='operator', name='me')}")


@keys.command()
def revoke(key: Annotated[str, typer.Argument(help="Id of the key, as `keys list` shows it.")]) -> None:
    """End a key's validity; running services notice within seconds."""
    from storecast.errors import RequestError
    from storecast.settings import Settings
    from storecast.wiring.serving import key_table

    if not key_table(Settings()).revoke(key):
        raise RequestError("There is no such key.", found=key, remedy=f"See `{command('keys', 'list')}`.")
    screen.print(f"Key {key} is revoked.", markup=False)


def migrate() -> None:
    """Bring the forecast log's database to this version's schema."""
    from storecast.settings import Settings
    from storecast.wiring.serving import database

    found = database(Settings())
    screen.print(f"{found.name} is up to date.", markup=False)


def _day(microseconds: int | None) -> str:
    return "" if microseconds is None else f"{datetime.fromtimestamp(microseconds / 1e6, UTC):%Y-%m-%d %H:%M}"
