"""Processes beside a command: started again where they end, ended where it does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

__all__ = ["Child", "end_with_the_parent"]


class Child:
    """A child process: started again where it ends, ended where this process does. ``code`` is what Python is
    to run, ``words`` its arguments; it calls ``end_with_the_parent``."""

    def __init__(self, name: str, code: str, *words: str) -> None:
        self._command, self._stopping = [sys.executable, "-c", code, *words], threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

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
                self._command, stdin=subprocess.PIPE, process_group=0
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


def end_with_the_parent() -> None:
    """End, kindly first, when standard input does: it is a pipe from the parent."""

    def wait_for_the_end() -> None:
        while os.read(0, 4096):  # not through sys.stdin, whose lock would hinder the end of the process
            continue
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5.0)
        os._exit(1)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
