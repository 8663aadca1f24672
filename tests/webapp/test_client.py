"""The client before a service that misbehaves: what is tried again, what is told, in which words."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from storecast.webapp.client import Client
from storecast.webapp.connection import make_http
from storecast.webapp.trouble import Trouble
from tests.servers import free_port

Answer = tuple[int, dict[str, str], bytes]
_MODELS = json.dumps({"champion": None, "earlier": [], "refused": "", "something": "new"}).encode()


@contextmanager
def _facing(
    answer: Callable[[int, BaseHTTPRequestHandler], Answer | None],
    key: str = "",
    slept: list[float] | None = None,
) -> Iterator[tuple[Client, list[str]]]:
    """A client before a real HTTP server whose n-th answer is ``answer(n)``, None closes the connection; and
    the server's requests. ``slept``: where the client's pauses go."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def _reply(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            self.rfile.read(length)
            asked.append(f"{self.command} {self.path} {self.headers.get('authorization', '')}".strip())
            made = answer(len(asked), self)
            if made is None:
                self.close_connection = True
                return
            status, headers, body = made
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _reply  # noqa: N815

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        with make_http(f"http://127.0.0.1:{server.server_port}") as http:
            yield Client(http, key, sleep=([] if slept is None else slept).append), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _problem(status: int, **more: object) -> Answer:
    return (
        status,
        {"content-type": "application/problem+json"},
        json.dumps({"status": status, **more}).encode(),
    )


def test_the_key_goes_along_and_unknown_members_are_passed_over() -> None:
    """An answer with more than the app knows is understood; the key is sent as the service wants it."""
    with _facing(lambda n, r: (200, {}, _MODELS), "sc_a_b") as (client, asked):
        assert client.models().champion is None
    assert asked == ["GET /v1/models Bearer sc_a_b"]


def test_what_may_be_asked_twice_is_and_what_may_not_is_not() -> None:
    """A connection that breaks: reading is tried three times, a promotion once."""
    slept: list[float] = []
    with _facing(lambda n, r: None if n < 3 else (200, {}, _MODELS), slept=slept) as (client, asked):
        assert client.models().earlier == []
    assert len(asked) == 3
    assert slept == [0.1, 0.4]
    with (
        _facing(lambda n, r: None) as (client, asked),
        pytest.raises(Trouble, match="cannot be reached") as told,
    ):
        client.promote(2, "better")
    assert len(asked) == 1
    assert told.value.passing


def test_a_short_retry_after_is_waited_for_and_a_long_one_told() -> None:
    """429 with one second is tried again after it; with a minute the page waits instead of the script."""
    slept: list[float] = []
    with _facing(lambda n, r: _problem(429) if n == 1 else (200, {}, _MODELS), slept=slept) as (client, _):
        client.models()
    assert slept == [0.1]
    late = (429, {"retry-after": "60"}, b"")
    with _facing(lambda n, r: late, slept=slept) as (client, asked), pytest.raises(Trouble) as told:
        client.models()
    assert (told.value.kind, len(asked), len(slept)) == ("busy", 1, 1)


def test_a_service_that_is_not_there_is_told() -> None:
    """Nothing listens: words, and that it may pass."""
    with make_http(f"http://127.0.0.1:{free_port()}") as http:
        client = Client(http, sleep=lambda seconds: None)
        assert not client.ready()
        with pytest.raises(Trouble, match="cannot be reached") as told:
            client.session()
    assert told.value.kind == "down"


def test_a_service_that_hangs_is_told() -> None:
    """No answer in time: not tried again at once, told as slow."""
    released = threading.Event()

    def hang(n: int, request: BaseHTTPRequestHandler) -> None:
        released.wait(10)

    with _facing(hang) as (client, asked):
        with pytest.raises(Trouble, match="too long") as told:
            client.ask("GET", "/v1/models", timeout=httpx.Timeout(0.3))
        released.set()
    assert (told.value.kind, len(asked)) == ("slow", 1)


@pytest.mark.parametrize(
    ("status", "kind", "passing"),
    [
        (401, "key", False),
        (403, "role", False),
        (404, "missing", False),
        (409, "conflict", False),
        (413, "large", False),
        (422, "refused", False),
        (500, "odd", False),
        (503, "busy", True),
        (504, "slow", True),
    ],
)
def test_every_refusal_has_words(status: int, kind: str, passing: bool) -> None:
    """Each status is a kind of trouble with something to do about it, even without a word of the service."""
    with (
        _facing(lambda n, r: (status, {"retry-after": "60"}, b"<html>no</html>")) as (client, _),
        pytest.raises(Trouble) as told,
    ):
        client.models()
    assert told.value.kind == kind
    assert told.value.passing is passing
    assert told.value.what
    assert told.value.remedy


def test_the_service_s_own_words_are_kept() -> None:
    """Title, detail, remedy, fields and rows of a problem document reach the page; for keys ours are."""
    said = {
        "title": "The request is not valid",
        "detail": "1 field is wrong: rows[3].store.",
        "remedy": "Correct it.",
        "errors": [{"field": "rows[3].store", "detail": "there is no store 99", "row": 4}],
        "instance": "urn:storecast:request:abc-123",
    }
    with _facing(lambda n, r: _problem(422, **said)) as (client, _), pytest.raises(Trouble) as told:
        client.models()
    trouble = told.value
    assert (trouble.what, trouble.detail, trouble.remedy) == (said["title"], said["detail"], said["remedy"])
    assert [(w.field, w.row) for w in trouble.wrong] == [("rows[3].store", 4)]
    assert trouble.instance == "abc-123"
    with (
        _facing(lambda n, r: _problem(401, title="A key is needed", remedy="curl")) as (client, _),
        pytest.raises(Trouble, match="Your key is not accepted"),
    ):
        client.models()


def test_an_answer_of_another_shape_is_told_not_shown() -> None:
    """A service of another version: the app says so instead of failing."""
    with (
        _facing(lambda n, r: (200, {}, b'{"champion": 7}')) as (client, _),
        pytest.raises(Trouble, match="not understood") as told,
    ):
        client.models()
    assert told.value.kind == "odd"


def test_a_service_that_is_not_ready_still_says_how_it_is() -> None:
    """503 of /readyz is an answer with checks, not a trouble."""
    body = json.dumps(
        {
            "status": "not ready",
            "checks": {"champion": False, "log": True},
            "model": None,
            "refused": "",
            "log": {"queue": 0, "spool": 0},
        }
    ).encode()
    with _facing(lambda n, r: (503, {}, body)) as (client, asked):
        assert client.readiness().checks == {"champion": False, "log": True}
    assert len(asked) == 1
