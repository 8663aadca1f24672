"""The app as an ASGI application: Streamlit's pages, and beside them signing in and large files.

Files go straight through to the service, piece by piece: neither Streamlit nor this process holds them.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx
import streamlit as st
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from storecast.webapp.client import Client
from storecast.webapp.config import WebConfig, is_local, web_config
from storecast.webapp.connection import make_http, trusted
from storecast.webapp.navigation import PAGES
from storecast.webapp.shell import shell
from storecast.webapp.trouble import Trouble, from_transport

__all__ = ["COOKIE", "create"]

COOKIE = "storecast_key"
_DAYS = 7
_HERE = Path(__file__).resolve().parent
_LONGEST_FORM = 4096
_PATIENCE = httpx.Timeout(60.0, connect=2.0)
TYPES = {
    ".csv": "text/csv",
    ".zip": "application/zip",
    ".parquet": "application/vnd.apache.parquet",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
]


class _Door:
    """Adds headers that browsers heed; where the app is this machine's alone, turns away other names for it,
    by which a page of another site could get in (DNS rebinding)."""

    def __init__(self, app: ASGIApp, local: bool) -> None:
        self._app, self._local = app, local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if self._local and not _is_ours(dict(scope["headers"]).get(b"host", b"").decode("latin-1")):
            if scope["type"] == "http":
                text = "This app answers to its own machine alone: open it by http://localhost.\n"
                await Response(text, 421)(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": 1008})
            return

        async def out(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_HEADERS]}
            await send(message)

        await self._app(scope, receive, out)


def _is_ours(host: str) -> bool:
    return is_local(urlsplit(f"//{host}").hostname or "")


def _from_elsewhere(request: Request) -> bool:
    """Whether a request that changes something was made by another site's page."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def _inside(target: str) -> str:
    """A path of this app, whatever was asked for."""
    plain = target.startswith("/") and target[1:2] not in ("/", "\\") and target.isprintable()
    return target if plain else "/"


def _page(then: str, said: str = "", status: int = 200) -> HTMLResponse:
    template = Template((_HERE / "signin.html").read_text(encoding="utf-8"))
    shown = f'<p class="said" role="alert">{escape(said)}</p>' if said else ""
    text = template.substitute(then=escape(_inside(then), quote=True), said=shown)
    return HTMLResponse(text, status, {"cache-control": "no-store"})


def _words_of(trouble: Trouble) -> str:
    if trouble.kind == "key":
        return "This key is not known, or not valid any more. Check that all of it was pasted."
    return " ".join(part for part in (f"{trouble.what}.", trouble.detail, trouble.remedy) if part)


class _Routes:
    """What stands beside Streamlit's pages."""

    def __init__(self, config: WebConfig) -> None:
        self._config = config
        self._http = make_http(config.service_url, config.ca_file)
        self._pipes: httpx.AsyncClient | None = None

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """Connections for files, as long as the app runs."""
        async with httpx.AsyncClient(
            base_url=self._config.service_url,
            timeout=_PATIENCE,
            trust_env=False,
            verify=trusted(self._config.ca_file),
        ) as pipes:
            self._pipes = pipes
            yield
        self._http.close()

    async def sign_in(self, request: Request) -> Response:
        """GET shows the form, POST takes the key."""
        if request.method == "GET":
            return _page(request.query_params.get("then", "/"))
        if _from_elsewhere(request):
            return _page("/", "Sign in from this page, not from another site.", 403)
        body = b""
        async for piece in request.stream():
            body += piece
            if len(body) > _LONGEST_FORM:
                return _page("/", "That is no key.", 413)
        form = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
        then, key = _inside(form.get("then", "/")), form.get("key", "").strip()
        if not (key.isascii() and key.isprintable() and key):
            return _page(then, "Paste your key: it begins with sc_.", 400)
        try:
            await anyio.to_thread.run_sync(Client(self._http, key).session)
        except Trouble as trouble:
            return _page(then, _words_of(trouble), 401 if trouble.kind == "key" else 503)
        reply = RedirectResponse(then, 303)
        reply.set_cookie(
            COOKIE,
            key,
            max_age=_DAYS * 86_400,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return reply

    async def sign_out(self, request: Request) -> Response:
        """Forget the key."""
        reply = RedirectResponse("/app/signin", 303)
        reply.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return reply

    def _headers(self, request: Request) -> dict[str, str] | None:
        """The caller's key as the service takes it; None where it is missing and needed."""
        key = request.cookies.get(COOKIE, "")
        if not key:
            return {} if self._config.local else None
        return {"authorization": f"Bearer {key}"}

    async def upload(self, request: Request) -> Response:
        """A file of sales, on to the service's data sets."""
        headers = self._headers(request)
        if _from_elsewhere(request) or headers is None:
            return _problem("Sign in to upload files", 401)
        name = request.query_params.get("name", "")
        kind = TYPES.get(Path(name).suffix.lower())
        if kind is None:
            return _problem(
                "This kind of file cannot be read",
                415,
                f"Found {name[:80]!r}.",
                "Upload a CSV, XLSX, Parquet or zip file.",
            )
        headers["content-type"] = kind
        if length := request.headers.get("content-length"):
            headers["content-length"] = length
        assert self._pipes is not None
        try:
            answer = await self._pipes.post(
                "/v1/datasets", params={"name": name}, content=request.stream(), headers=headers
            )
        except (ClientDisconnect, httpx.TransportError) as error:
            trouble = from_transport(error) if isinstance(error, httpx.TransportError) else None
            return _problem(trouble.what if trouble else "The upload was broken off", 502)
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    async def predict(self, request: Request) -> Response:
        """Rows of the classic form as CSV, on to the service; its answer comes back as it is made."""
        headers = self._headers(request)
        if _from_elsewhere(request) or headers is None:
            return _problem("Sign in to have rows predicted", 401)
        headers |= {"content-type": "text/csv", "accept": "text/csv"}
        if length := request.headers.get("content-length"):
            headers["content-length"] = length
        assert self._pipes is not None
        asked = self._pipes.build_request(
            "POST", "/v1/predictions", content=request.stream(), headers=headers
        )
        return await self._through(asked)

    async def content(self, request: Request) -> Response:
        """A table that was made of an uploaded file."""
        headers = self._headers(request)
        if headers is None:
            return RedirectResponse("/app/signin", 303)
        assert self._pipes is not None
        dataset = request.path_params["dataset"]
        asked = self._pipes.build_request(
            "GET",
            f"/v1/datasets/{dataset}/contents",
            params={"name": request.query_params.get("name", "")},
            headers=headers,
        )
        return await self._through(asked, "This table cannot be had. Go back and try again.\n")

    async def _through(self, asked: httpx.Request, plain: str = "") -> Response:
        """The service's answer, piece by piece; its refusals as ``plain`` text where that is given."""
        assert self._pipes is not None
        try:
            answer = await self._pipes.send(asked, stream=True)
        except ClientDisconnect:
            return _problem("The upload was broken off", 502)
        except httpx.TransportError as error:
            trouble = from_transport(error)
            if plain:
                return Response(plain, 502)
            return _problem(trouble.what, 502, trouble.detail, "Try again in a while.")
        if plain and not answer.is_success:
            await answer.aclose()
            return Response(plain, answer.status_code)
        kept = ("content-type", "content-disposition")
        passed = {name: answer.headers[name] for name in kept if name in answer.headers}
        return StreamingResponse(_to_the_end(answer), answer.status_code, passed)


async def _to_the_end(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for piece in answer.aiter_bytes():
            yield piece
    finally:
        await answer.aclose()


def _problem(title: str, status: int, detail: str = "", remedy: str = "") -> JSONResponse:
    said: Mapping[str, object] = {"title": title, "status": status, "detail": detail, "remedy": remedy}
    return JSONResponse(said, status)


def create() -> st.App:
    """The application, for an ASGI server; its pages are loaded before the first visitor asks for one."""
    config = web_config()
    for page in PAGES:
        page.load()
    # Streamlit looks for garbage after every run of its script: among what was loaded there is none, and
    # looking through it took twice the time of drawing a page.
    gc.freeze()
    routes, first = _Routes(config), shell()

    async def opened(request: Request) -> HTMLResponse:
        return HTMLResponse(first, headers={"cache-control": "no-cache"})

    return st.App(
        _HERE / "entry" / "script.py",
        lifespan=routes.lifespan,
        routes=[
            *(Route(path, opened, methods=["GET"]) for path in ("/", *(f"/{page.name}" for page in PAGES))),
            Route("/app/signin", routes.sign_in, methods=["GET", "POST"]),
            Route("/app/signout", routes.sign_out, methods=["GET"]),
            Route("/app/upload", routes.upload, methods=["POST"]),
            Route("/app/predict", routes.predict, methods=["POST"]),
            Route("/app/datasets/{dataset}/contents", routes.content, methods=["GET"]),
        ],
        middleware=[Middleware(_Door, local=config.local)],
    )
