"""What `make secrets` makes: at random, once, and certificates that hold."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.certificates import Authority
from tests.needs import ROOT, require

# By file, the names that a server is asked for.
NAMES = {
    "postgres": ["postgres"],
    "redis": ["redis"],
    "s3": ["s3"],
    "webapp": ["webapp", "localhost"],
    "mlflow": ["mlflow", "localhost"],
    "grafana": ["grafana", "localhost"],
    "service": ["service", "service-1", "service-2", "localhost"],
    "inside": ["nginx"],
}


def make(folder: Path, domain: str = "", renew: str = "") -> str:
    """The last line of what the script says."""
    require("openssl", "openssl")
    done = subprocess.run(
        [ROOT / "tools" / "secrets", folder],
        env={**os.environ, "DOMAIN": domain, "RENEW": renew},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_nothing_is_made_twice(tmp_path: Path) -> None:
    """A second run changes no byte; a file that was removed is made anew, the others stay."""
    assert make(tmp_path / "a").startswith("Made what was missing")
    before = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert make(tmp_path / "a").startswith("All secrets are there")
    (tmp_path / "a" / "redis.crt").unlink()
    make(tmp_path / "a")
    after = {path.name: path.read_bytes() for path in (tmp_path / "a").iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"redis.crt"}
    assert after.keys() == before.keys()


def test_each_system_has_its_own(tmp_path: Path) -> None:
    """No two share a password or a key; all are long."""
    make(tmp_path / "a")
    make(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() != (tmp_path / "b" / path.name).read_bytes(), path.name
        if path.name.endswith("_password") or path.name == "s3_secret":
            assert len(path.read_text()) == 48
    words = [path.read_text() for path in (tmp_path / "a").glob("*_password")]
    assert len(set(words)) == len(words)


def test_places_that_need_one_secret_agree(tmp_path: Path) -> None:
    """The URL has the role's password, the list of users its hash, the store's two files the same key."""
    make(tmp_path)

    def read(name: str) -> str:
        return (tmp_path / name).read_text()

    assert f":{read('log_password')}@postgres" in read("storecast_log_url")
    assert "sslmode=verify-full" in read("storecast_log_url")
    assert f":{read('redis_password')}@redis" in read("storecast_redis_url")
    assert hashlib.sha256(read("redis_password").encode()).hexdigest() in read("redis_users")
    assert read("redis_users").startswith("user default off\n")
    credentials = json.loads(read("s3_config.json"))["identities"][0]["credentials"][0]
    assert credentials == {"accessKey": read("s3_key"), "secretKey": read("s3_secret")}
    assert read("s3_secret") in read("s3_credentials")


def test_the_folder_is_its_owners_and_signing_keys_too(tmp_path: Path) -> None:
    """Containers read their files as users of their own; nobody else on the machine gets at them."""
    make(tmp_path / "secrets")
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()}
    assert {name for name, mode in modes.items() if mode == 0o400} == {"ca.key", "issuer.key"}
    assert set(modes.values()) == {0o400, 0o444}


@pytest.mark.parametrize("domain", ["", "sales.example.com"])
def test_certificates_hold(tmp_path: Path, domain: str) -> None:
    """Each chain leads to the root, is for its names alone, for little more than a year, and cannot sign."""
    make(tmp_path, domain)
    root = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    serials = set()
    names = {"tls": [domain or "localhost"]} | NAMES
    made = {path.name for path in tmp_path.glob("*.crt")}
    assert made == {f"{file}.crt" for file in (*names, "ca", "issuer")}
    for file, named in names.items():
        leaf, issuer = x509.load_pem_x509_certificates((tmp_path / f"{file}.crt").read_bytes())
        leaf.verify_directly_issued_by(issuer)
        issuer.verify_directly_issued_by(root)
        assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert alternatives.get_values_for_type(x509.DNSName) == named
        assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
        assert issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
        assert leaf.not_valid_after_utc - datetime.now(UTC) < timedelta(days=398)
        serials.add(leaf.serial_number)
    assert len(serials) == len(names)


def test_certificates_are_renewed_in_place(tmp_path: Path) -> None:
    """Signed anew with the keys that are there, into the files that containers have mounted; a certificate of
    somebody else's authority, and every other secret, stays."""
    (tmp_path / "a").mkdir()
    bought = Authority(tmp_path).issue("localhost")
    shutil.copyfile(bought.certificate, tmp_path / "a" / "tls.crt")
    shutil.copyfile(bought.key, tmp_path / "a" / "tls.key")
    make(tmp_path / "a")
    before = {path.name: (path.read_bytes(), path.stat().st_ino) for path in (tmp_path / "a").iterdir()}
    assert make(tmp_path / "a", renew="yes").startswith("Signed the servers' certificates anew")
    after = {path.name: (path.read_bytes(), path.stat().st_ino) for path in (tmp_path / "a").iterdir()}
    changed = {name for name in before if before[name][0] != after[name][0]}
    assert changed == {f"{name}.crt" for name in NAMES}
    assert {name: kept[1] for name, kept in before.items()} == {name: kept[1] for name, kept in after.items()}
    for name in changed:
        old, new = (x509.load_pem_x509_certificate(content[name][0]) for content in (before, after))
        assert old.public_key() == new.public_key()
        assert old.serial_number != new.serial_number
