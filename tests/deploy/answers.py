"""Stands for a deployed system: answers what the smoke test asks."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

__all__ = ["deployed"]


@contextmanager
def deployed(
    version: str, *, ready: bool = True, missing: tuple[str, ...] = ()
) -> Iterator[tuple[str, list[str]]]:
    """(address, what was asked and by which key) of a system of ``version``;
    one that is not ready for what is ``missing`` says so as the service does."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization')}")
            checks = {name: name not in missing for name in ("champion", "keys", "log", "accepting")}
            answers: dict[str, dict[str, object]] = {
                "/readyz": {"status": "ready" if ready and not missing else "not ready", "checks": checks},
                "/healthz": {"version": version},
                "/v1/series": {"series": [{"series": "7"}]},
                "/v1/forecasts": {"forecasts": [{"series": "7"}]},
            }
            body = json.dumps(answers[self.path.split("?")[0]]).encode()
            self.send_response(503 if missing and self.path == "/readyz" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, text: str, *args: object) -> None:
            """Nothing: the test reads ``asked``."""

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
