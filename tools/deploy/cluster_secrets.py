"""Random secrets for the development overlay: ``python -m tools.deploy.cluster_secrets [FOLDER]``.

The folder is ignored by git and readable by its owner alone. What is there stays: a cluster's database keeps
the password it was made with.
"""

from __future__ import annotations

import secrets
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

__all__ = ["main", "write_secrets"]

_ROOT = Path(__file__).resolve().parent.parent.parent
_FOLDER = _ROOT / "deploy" / "kubernetes" / "overlays" / "development" / "secrets"
_HOSTS = ("api.storecast.localhost", "app.storecast.localhost")
_VALID = timedelta(days=365)


def _certificate() -> tuple[bytes, bytes]:
    """A key and a certificate that it signed itself, for the two hosts, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Storecast, development")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in _HOSTS]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    return key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain), made.public_bytes(pem)


def write_secrets(folder: Path) -> list[str]:
    """Write what is not there yet; the names of the files that were made."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made: list[str] = []

    def keep(name: str, content: bytes) -> None:
        path = folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
        made.append(name)

    if not (folder / "postgres-password").exists():
        password = secrets.token_urlsafe(24)
        keep("postgres-password", password.encode())
        # The stores inside a development cluster have no certificates: what is not verified is said to be.
        url = f"postgresql://storecast:{password}@postgres:5432/storecast?sslmode=disable"
        keep("storecast_log_url", url.encode())
    if not (folder / "redis.conf").exists():
        password = secrets.token_urlsafe(24)
        keep("redis.conf", f"requirepass {password}\n".encode())
        keep("storecast_redis_url", f"redis://:{password}@redis:6379/0".encode())
    if not (folder / "tls.key").exists():
        key, certificate = _certificate()
        keep("tls.key", key)
        keep("tls.crt", certificate)
    if not (folder / "backup_key").exists():
        keep("backup_key", secrets.token_hex(32).encode())
    if not (folder / "api-key").exists():
        keep("api-key", b"")  # `storecast keys issue` makes it, once there is a database to know it
    return made


def main(arguments: list[str]) -> int:
    """Write them and say what to do next."""
    folder = Path(arguments[0]) if arguments else _FOLDER
    made = write_secrets(folder)
    print(f"made {', '.join(made)}" if made else "all secrets are there already")
    print("next: kubectl apply -k deploy/kubernetes/overlays/development (deploy/kubernetes/README.md)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
