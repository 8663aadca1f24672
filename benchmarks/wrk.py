"""Closed-loop load by wrk: so many connections, each asking again as soon as it is answered."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storecast.errors import SetupError

__all__ = ["TURN", "Asked", "Load", "parse", "script", "wrk"]

TURN = "@TURN@"  # in a body: a number of as many digits as any, so that no two requests ever are the same

_DIGITS = 10**12  # of which the turns are counted; with the two before them a double holds as many
_MARK = "wrk-found "
# wrk turns the script's requests; what it found is told as one line of JSON instead of for people.
_SCRIPT = """local asked = {{}}
function init(args)
{requests}
end
local turn = {first}
function request()
  turn = turn + 1
  local one = asked[turn % #asked + 1]
  return type(one) == "string" and one or one(turn)
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '{mark}{{"requests":%d,"seconds":%.6f,"p50_ms":%.3f,"p99_ms":%.3f,"refused":%d,"broken":%d}}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status, e.connect + e.read + e.write + e.timeout))
end
"""


@dataclass(frozen=True)
class Asked:
    """Requests that are sent in turns: ``method`` and ``headers`` of all, (path, body) of each."""

    method: str
    each: Sequence[tuple[str, str]]
    headers: Mapping[str, str] = field(default_factory=dict)

    def as_bytes(self, host: str) -> list[bytes]:
        """Each as HTTP/1.1 has it."""
        lines = [f"{name}: {value}\r\n" for name, value in {"Host": host, **self.headers}.items()]
        out = []
        for path, body in self.each:
            size = f"Content-Length: {len(body.encode())}\r\n" if body else ""
            out.append(f"{self.method} {path} HTTP/1.1\r\n{''.join(lines)}{size}\r\n{body}".encode())
        return out


@dataclass(frozen=True)
class Load:
    """What came of it: answers, seconds, and the times an answer took."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float


def _lua(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def script(asked: Asked, first: int) -> str:
    """The Lua that makes wrk send ``asked`` in turns, which are counted from ``first`` on."""
    headers = ", ".join(f"[{_lua(name)}] = {_lua(value)}" for name, value in asked.headers.items())
    lines = [f"  local headers = {{{headers}}}", '  headers["Host"] = wrk.headers["Host"]']
    for path, body in asked.each:
        text = " .. turn .. ".join(map(_lua, body.split(TURN))) if body else "nil"
        made = f"wrk.format({_lua(asked.method)}, {_lua(path)}, headers, {text})"
        lines.append(f"  asked[#asked + 1] = {f'function(turn) return {made} end' if TURN in body else made}")
    return _SCRIPT.format(requests="\n".join(lines), mark=_MARK, first=first)


def parse(text: str) -> Load:
    """The line of the script among wrk's own; raises RuntimeError where anything was not answered with 2xx or
    3xx, or nothing at all."""
    lines = [line.removeprefix(_MARK) for line in text.splitlines() if line.startswith(_MARK)]
    if len(lines) != 1:
        raise RuntimeError(f"wrk told nothing: {text[-500:]}")
    found: dict[str, Any] = json.loads(lines[0])
    if found["refused"] or found["broken"] or not found["requests"]:
        raise RuntimeError(f"not every request was answered well: {lines[0]}")
    return Load(found["requests"], found["seconds"], found["p50_ms"], found["p99_ms"])


def wrk(url: str, asked: Asked, connections: int, seconds: int, folder: Path) -> Load:
    """Ask ``url`` from one thread over so many connections; raises SetupError where there is no wrk."""
    program = shutil.which("wrk")
    if program is None:
        raise SetupError("There is no load generator to measure with.", remedy="apt-get install wrk")
    path = folder / "asked.lua"
    # Counted from the clock, so that no load repeats one before it, whose answers may be kept.
    path.write_text(script(asked, _DIGITS + time.time_ns() // 1000 % _DIGITS))
    command = [program, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s"]
    done = subprocess.run(
        [*command, "-s", str(path), url], capture_output=True, text=True, check=False, timeout=seconds + 60
    )
    if done.returncode:
        raise RuntimeError(f"wrk failed: {(done.stdout + done.stderr)[-500:]}")
    return parse(done.stdout)
