"""The app as its own browser code speaks to it: Streamlit's messages over a WebSocket, without drawing."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

__all__ = ["Session"]

_PATIENCE = 60.0


class Session:
    """One browser's session at ``url``; ``look`` asks for a page by its address and waits for all of it."""

    def __init__(self, url: str) -> None:
        where = url.replace("http://", "ws://") + "/_stcore/stream"
        self._socket = connect(
            where, subprotocols=[Subprotocol("streamlit")], origin=Origin(url), max_size=None, proxy=None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def look(self, page: str, query: str = "") -> tuple[float, int]:
        """Seconds from asking until the script has ended, and how many elements it drew; raises RuntimeError
        where it drew none or failed."""
        asked = BackMsg()
        asked.rerun_script.query_string = query
        asked.rerun_script.page_name = page
        began = time.perf_counter()
        self._socket.send(asked.SerializeToString())
        drawn, started = 0, False
        while True:
            told = ForwardMsg.FromString(self._bytes(began))
            kind = told.WhichOneof("type")
            if kind == "new_session":
                started, drawn = True, 0
            elif kind in ("delta", "ref_hash"):
                drawn += 1
                if kind == "delta" and told.delta.new_element.WhichOneof("type") == "exception":
                    raise RuntimeError(told.delta.new_element.exception.message)
            elif kind == "script_finished" and started:
                if not drawn:
                    raise RuntimeError(f"{page}?{query} drew nothing")
                return time.perf_counter() - began, drawn

    def _bytes(self, began: float) -> bytes:
        left = _PATIENCE - (time.perf_counter() - began)
        message = self._socket.recv(timeout=max(left, 0.001))
        assert isinstance(message, bytes)
        return message
