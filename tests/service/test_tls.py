"""The service over TLS, by its settings alone; who does not trust its authority gets no answer."""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from storecast.service.security import new_key
from storecast.settings import Settings
from storecast.webapp.connection import make_http
from storecast.wiring.serving import key_table
from tests.certificates import Authority, Issued
from tests.cli.calls import call
from tests.load import Load, Question
from tests.needs import ROOT
from tests.published import content, fitted
from tests.serve_process import Serving, await_, promoted, register


def test_the_service_answers_over_tls(tmp_path: Path) -> None:
    """With the certificate that is named; the web app's connections trust the authority they are given."""
    home = tmp_path / "home"
    promoted(home, register(home, content(fitted())))
    authority = Authority(tmp_path)
    issued, ca = authority.issue("127.0.0.1"), authority.ca
    files = {"STORECAST_TLS_CERT_FILE": str(issued.certificate), "STORECAST_TLS_KEY_FILE": str(issued.key)}
    with Serving(home, "--no-follow", wait="", **files) as serving:
        await_(lambda: serving.url or serving.process.poll() is not None, serving.written)
        assert serving.url.startswith("https://"), serving.written()
        with make_http(serving.url, str(ca)) as http:
            await_(lambda: http.get("/readyz").status_code == 200, serving.written)
            answer = http.get("/v1/forecasts", params={"series": "s000", "horizon": 1})
            assert answer.status_code == 200
        with make_http(serving.url) as stranger, pytest.raises(httpx.ConnectError, match="CERTIFICATE"):
            stranger.get("/readyz")
        with pytest.raises(httpx.HTTPError):
            httpx.get(serving.url.replace("https", "http") + "/readyz", trust_env=False)
        check = [sys.executable, f"{ROOT}/deploy/images/health.py", f"{serving.url}/healthz"]
        assert subprocess.run([*check, str(ca)], check=False).returncode == 0  # a container's own
        assert subprocess.run(check, check=False).returncode == 1
        old = ssl.create_default_context(cafile=str(ca))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert httpx.get(serving.url + "/readyz", verify=old, trust_env=False).status_code == 200


def shown(port: int, ca: Path) -> int:
    """The number of the certificate that a new caller is shown."""
    trust = ssl.create_default_context(cafile=str(ca))
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        trust.wrap_socket(plain, server_hostname="127.0.0.1") as call,
    ):
        return x509.load_der_x509_certificate(call.getpeercert(binary_form=True) or b"").serial_number


def number(issued: Issued) -> int:
    """The certificate's own number."""
    return x509.load_pem_x509_certificate(issued.certificate.read_bytes()).serial_number


def test_a_certificate_is_renewed_without_a_restart(tmp_path: Path) -> None:
    """Under load: half of a new pair changes nothing and is told; with the other half whoever comes new is
    shown the new one, though its key is of another kind, and not one request failed."""
    home = tmp_path / "home"
    promoted(home, register(home, content(fitted())))
    authority = Authority(tmp_path)
    names = "127.0.0.1", "localhost"
    used, new = authority.issue(*names), authority.issue(*names, by_rsa=True)
    files = {"STORECAST_TLS_CERT_FILE": str(used.certificate), "STORECAST_TLS_KEY_FILE": str(used.key)}
    with Serving(home, "--no-follow", wait="listening", **files) as serving:
        port = int(serving.url.rpartition(":")[2])
        trust = ssl.create_default_context(cafile=str(authority.ca))
        question = Question("/v1/forecasts?series=s000&horizon=2")
        old = number(used)
        with Load(port, [question], 4, pause=0.01, tls=trust) as load:
            load.more(50)
            assert shown(port, authority.ca) == old
            new.key.replace(used.key)
            await_(lambda: "certificate refused" in serving.events(), serving.written)
            assert shown(port, authority.ca) == old
            load.more(50)
            expected = number(new)
            new.certificate.replace(used.certificate)
            await_(lambda: "certificate renewed" in serving.events(), serving.written)
            assert shown(port, authority.ca) == expected != old
            load.more(50)
        assert (load.broken, load.refused) == ({}, [])


def test_the_web_app_answers_over_tls(tmp_path: Path) -> None:
    """By the same settings, and asks the service over TLS; the cookie that keeps a key is for TLS alone."""
    home = tmp_path / "home"
    promoted(home, register(home, content(fitted())))
    token, key = new_key("Ann", "planner", now=time.time_ns() // 1000)
    key_table(Settings(home=home)).issue(key)
    authority = Authority(tmp_path)
    issued = authority.issue("127.0.0.1", "localhost")
    files = {"STORECAST_TLS_CERT_FILE": str(issued.certificate), "STORECAST_TLS_KEY_FILE": str(issued.key)}
    files["STORECAST_SERVICE_CA_FILE"] = str(authority.ca)
    with Serving(home, "--no-follow", "--web", wait="listening", **files) as serving:
        found = re.search(r"Open  (https://localhost:\d+)", serving.said())
        assert found is not None, serving.said()
        with make_http(found[1], str(authority.ca)) as browser:

            def answers() -> bool:
                try:
                    return browser.get("/app/signin").status_code == 200
                except httpx.TransportError:
                    return False

            await_(answers, serving.written)
            done = browser.post("/app/signin", data={"key": token, "then": "/"})
            assert (done.status_code, done.headers["location"]) == (303, "/")
            assert "Secure" in done.headers["set-cookie"].split("; ")


@pytest.mark.parametrize("named", [("crt",), ("crt", "crt"), ("key", "crt"), ("crt", "absent")])
def test_a_certificate_that_cannot_be_used_is_refused(
    named: tuple[str, ...], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is answered; the settings are named."""
    Authority(tmp_path).issue("127.0.0.1")
    for setting, file in zip(("CERT", "KEY"), named, strict=False):
        monkeypatch.setenv(f"STORECAST_TLS_{setting}_FILE", str(tmp_path / f"1.{file}"))
    done = call("serve", "--port", 0, "--no-follow")
    assert done.code == 1
    assert "STORECAST_TLS_CERT_FILE" in done.err
