"""What `make secrets` makes: at random, once, and certificates that hold."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.needs import ROOT, require


def make(folder: Path, domain: str = "") -> str:
    """The last line of what the script says."""
    require("openssl", "openssl")
    done = subprocess.run(
        [ROOT / "tools" / "secrets", folder],
        env={**os.environ, "DOMAIN": domain},
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
    """Each chain leads to the root, is for its name alone, for little more than a year, and cannot sign."""
    make(tmp_path, domain)
    root = x509.load_pem_x509_certificate((tmp_path / "ca.crt").read_bytes())
    names = {"tls": domain or "localhost", "postgres": "postgres", "redis": "redis", "s3": "s3"}
    serials = set()
    for file, name in names.items():
        leaf, issuer = x509.load_pem_x509_certificates((tmp_path / f"{file}.crt").read_bytes())
        leaf.verify_directly_issued_by(issuer)
        issuer.verify_directly_issued_by(root)
        assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)
        alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert alternatives.get_values_for_type(x509.DNSName) == [name]
        assert leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
        assert issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
        assert leaf.not_valid_after_utc - datetime.now(UTC) < timedelta(days=398)
        serials.add(leaf.serial_number)
    assert len(serials) == len(names)
