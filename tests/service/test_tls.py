"""The service over TLS, by its settings alone; who does not trust its authority gets no answer."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from storecast.webapp.connection import make_http
from tests.cli.calls import call
from tests.published import content, fitted
from tests.serve_process import Serving, await_, promoted, register


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """An authority, and a certificate of this machine with its key."""
    now = datetime.now(UTC)

    def made(subject: str, key: ec.EllipticCurvePrivateKey, ca: bool) -> x509.CertificateBuilder:
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
        builder = x509.CertificateBuilder().subject_name(name).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
        builder = builder.not_valid_after(now + timedelta(days=1))
        return builder.add_extension(x509.BasicConstraints(ca, None), critical=True)

    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "root")])
    authority = made("root", root, True).issuer_name(issuer).sign(root, hashes.SHA256())
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    leaf = made("here", own, False).issuer_name(issuer).add_extension(here, critical=False)
    certificate = leaf.sign(root, hashes.SHA256())
    paths = folder / "ca.pem", folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, no = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    paths[2].write_bytes(own.private_bytes(serialization.Encoding.PEM, pem, no))
    return paths


def test_the_service_answers_over_tls(tmp_path: Path) -> None:
    """With the certificate that is named; the web app's connections trust the authority they are given."""
    home = tmp_path / "home"
    promoted(home, register(home, content(fitted())))
    ca, certificate, key = certificates(tmp_path)
    files = {"STORECAST_TLS_CERT_FILE": str(certificate), "STORECAST_TLS_KEY_FILE": str(key)}
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
        old = ssl.create_default_context(cafile=str(ca))
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert httpx.get(serving.url + "/readyz", verify=old, trust_env=False).status_code == 200


@pytest.mark.parametrize("named", [("cert",), ("cert", "cert"), ("key", "cert"), ("cert", "absent")])
def test_a_certificate_that_cannot_be_used_is_refused(
    named: tuple[str, ...], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is answered; the settings are named."""
    certificates(tmp_path)
    for setting, file in zip(("CERT", "KEY"), named, strict=False):
        monkeypatch.setenv(f"STORECAST_TLS_{setting}_FILE", str(tmp_path / f"{file}.pem"))
    done = call("serve", "--port", 0, "--no-follow")
    assert done.code == 1
    assert "STORECAST_TLS_CERT_FILE" in done.err
