"""The system of compose.yaml with PostgreSQL and Redis on other machines, as RDS and ElastiCache are: under
names of their own, with certificates of another authority, and nobody there with all rights."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.certificates import Authority
from tests.deploy.composed import GATEWAY
from tests.deploy.podman import Machine
from tests.deploy.system import Stores, started
from tests.load import when_entered
from tests.needs import ROOT
from tests.service.conftest import Made, versions  # noqa: F401 - a fixture

pytestmark = pytest.mark.rehearsal

DATABASE, CACHE = "database.rds.example.com", "cache.elasticache.example.com"


@pytest.fixture
def elsewhere(secrets: Path, tmp_path: Path) -> Iterator[Path]:
    """The secrets of one machine with addresses and authority of others, as the page on AWS puts them."""
    folder = Path(mkdtemp(prefix="storecast-secrets-"))
    shutil.copytree(secrets, folder, dirs_exist_ok=True)
    folder.chmod(0o755)
    authority = Authority(tmp_path)

    def put(name: str, content: bytes) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o644)

    for host, name in ((DATABASE, "postgres"), (CACHE, "redis")):
        for file, kind in zip(authority.issue(host), ("crt", "key"), strict=True):
            put(f"{name}.{kind}", file.read_bytes())
    put("databases.crt", authority.ca.read_bytes())
    for url in ("storecast_log_url", "mlflow_database_url", "storecast_redis_url"):
        text = (folder / url).read_text().replace("/ca.crt", "/databases.crt")
        text = text.replace("@postgres:", f"@{DATABASE}:").replace("@redis:", f"@{CACHE}:")
        put(url, text.encode())
    yield folder
    shutil.rmtree(folder)


def test_it_answers_and_logs_by_the_databases_of_other_machines(
    machine: Machine,
    images: dict[str, str],
    elsewhere: Path,
    versions: dict[str, Made],  # noqa: F811
) -> None:
    """A user who is no superuser makes the databases; migrated, with a key, both replicas answer through the
    door, each answer is in the log over there once, and the cache there holds what they keep."""
    folder = ROOT / "deploy" / "compose"
    maker = {
        "POSTGRES_USER": "owner",
        "PGPASSWORD": "owner-s-own",
        "PGHOST": DATABASE,
        "PGHOSTADDR": GATEWAY,
        "PGDATABASE": "postgres",
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(elsewhere / "databases.crt"),
    }
    files = (folder / "database.yaml", folder / "cache.yaml")
    stores = Stores(files, DATABASE, CACHE, "databases.crt", maker)
    with started(machine, images, elsewhere, versions["stores"], stores) as system, machine.network():
        numbers = [str(uuid.uuid4()) for _ in range(20)]
        with system.client() as client:
            for number in numbers:
                answer = client.get("/v1/forecasts?series=1&horizon=2", headers={"x-request-id": number})
                assert answer.status_code == 200, answer.text
        logged = when_entered(numbers, system.logged)
        assert [logged[number] for number in numbers] == [1] * len(numbers)
        for name in ("service-1", "service-2"):
            assert "storecast_redis_up 1.0" in system.metrics(name)
        password = (elsewhere / "redis_password").read_text()
        assert "storecast:" in system.redis.call("--scan", "--pattern", "storecast:*", password=password)
