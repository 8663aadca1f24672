"""Certificate authorities made by tests: a root of one's own, and what it signs for servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

__all__ = ["Authority", "Issued"]

_DAY = timedelta(days=1)
_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_PEM = serialization.Encoding.PEM


class Issued(NamedTuple):
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


def _name(subject: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


class Authority:
    """A root that is trusted by the file ``ca``, and what it signs; all files lie in ``folder``."""

    def __init__(self, folder: Path, name: str = "root") -> None:
        self._folder, self._issuer = folder, _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._number = 0
        self.ca = folder / f"{name}.pem"
        root = self._builder(name, self._key, ca=True).sign(self._key, hashes.SHA256())
        self.ca.write_bytes(root.public_bytes(_PEM))

    def _builder(self, subject: str, key: _Key, *, ca: bool) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(self._issuer)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now - _DAY).not_valid_after(now + _DAY)
        return builder.add_extension(x509.BasicConstraints(ca, None), critical=True)

    def issue(self, *hosts: str, by_rsa: bool = False) -> Issued:
        """A certificate for these names and addresses, of a key of its own."""
        self._number += 1
        key: _Key
        key = rsa.generate_private_key(65537, 2048) if by_rsa else ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
        made = self._builder("server", key, ca=False).add_extension(names, critical=False)
        paths = Issued(*(self._folder / f"{self._number}.{kind}" for kind in ("crt", "key")))
        paths.certificate.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(_PEM))
        paths.key.touch(mode=0o600)
        pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        paths.key.write_bytes(key.private_bytes(_PEM, pkcs8, plain))
        return paths
