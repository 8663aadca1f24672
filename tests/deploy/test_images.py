"""The three images, built and run: what they hold, as whom they run, what they may write, how they end."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from tests.deploy.images import VERSION, inspect
from tests.deploy.podman import BASE, Machine, environment
from tests.deploy.tools import deploy_environment
from tests.needs import ROOT
from tests.service.conftest import Made, publish, versions  # noqa: F401 - a fixture
from tests.service.test_lean import ask_everything

pytestmark = pytest.mark.rehearsal
USER = 10001
# As compose.yaml and the cluster run them.
HARD = ["--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp", "--cap-drop=ALL", "--pids-limit=200"]
HARD += ["--security-opt=no-new-privileges", "--log-driver=k8s-file"]
HEAVY = ("pandas", "mlflow", "sklearn", "scipy", "matplotlib", "streamlit", "pyarrow", "optuna", "boto3")
# What no image needs to run: whoever gets in finds no means to install or build more.
BUILDERS = ("pip", "pip3", "gcc", "cc", "make", "git", "curl", "wget")
LEFT = """
import importlib.util as found, pathlib, shutil, sys
print([tool for tool in {builders} if shutil.which(tool)], end=" ")
print([name for name in ("pip", "setuptools", "ensurepip") if found.find_spec(name)], end=" ")
caches = [*pathlib.Path("/var/lib/apt/lists").glob("*_Packages"), *pathlib.Path("/root").glob(".cache"),
          *pathlib.Path("/").glob("build"), *pathlib.Path("/").glob("wheels")]
print(list(map(str, caches)), sys.prefix)
"""
WRITE = """
import os, pathlib
home = "/var/lib/storecast"
for path in ("/x", "/opt/storecast/x", "/usr/x", home + "/releases/x", home + "/x", "/tmp/x"):
    try:
        pathlib.Path(path).write_text("x")
    except OSError:
        print("refused", path)
    else:
        print("written", path)
print(os.getuid(), os.getgid(), os.environ["HOME"])
"""


PYTHONS = (
    "import importlib.metadata as m; print(*(f'{d.name} {d.version}' for d in m.distributions()), sep='\\n')"
)


def debians(machine: Machine, image: str) -> list[str]:
    """Name and version of each Debian package, as the container's own dpkg has it."""
    words = ["dpkg-query", image, "-W", "-f=${Package} ${Version}\n"]
    return machine.podman("run", "--rm", *HARD, "--entrypoint", *words).splitlines()


def python(machine: Machine, image: str, code: str, *options: str) -> str:
    """What Python prints in a container of the image."""
    return machine.podman(
        "run", "--rm", *HARD, *options, "--entrypoint", "python3", image, "-c", code
    ).strip()


@pytest.mark.parametrize("target", ["service", "webapp", "jobs"])
def test_an_image_says_what_it_is(images: dict[str, str], target: str) -> None:
    """Version and commit in the labels, a user by number, a way to end it kindly, a check of its health."""
    found = inspect(images[target])
    config, labels = found["Config"], found["Labels"]
    assert found["Architecture"] == "amd64"
    assert config["User"] == f"{USER}:{USER}"
    assert config["StopSignal"] == "SIGTERM"
    assert config["Entrypoint"] == ["storecast"]  # no shell between the signal and the program
    assert labels["org.opencontainers.image.version"] == VERSION
    assert re.fullmatch(r"[0-9a-f]{40}|unknown", labels["org.opencontainers.image.revision"])
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    port = {"service": "8000/healthz", "webapp": "8501/_stcore/health"}.get(target)
    check = ["CMD", "python3", "/opt/health.py", f"http://127.0.0.1:{port}"] if port else ["NONE"]
    assert found["Healthcheck"]["Test"] == check


@pytest.mark.parametrize("target", ["service", "webapp", "jobs"])
def test_nothing_to_build_with_is_left(machine: Machine, images: dict[str, str], target: str) -> None:
    """No pip, compiler, download tool or cache; the packages lie in one environment."""
    assert python(machine, images[target], LEFT.format(builders=BUILDERS)) == "[] [] [] /opt/storecast"


@pytest.mark.parametrize("target", ["service", "webapp", "jobs"])
def test_only_its_own_folder_can_be_written(machine: Machine, images: dict[str, str], target: str) -> None:
    """Not as root, on a root filesystem that is read-only; releases are the follower's to write."""
    folders = ["--volume=home:/var/lib/storecast:U", "--volume=releases:/var/lib/storecast/releases:ro"]
    said = python(machine, images[target], WRITE, *folders).splitlines()
    assert said[-1] == f"{USER} {USER} /tmp"
    assert [line.split()[1] for line in said if line.startswith("written")] == [
        "/var/lib/storecast/x",
        "/tmp/x",
    ]


def test_images_hold_what_they_import_alone(
    machine: Machine, images: dict[str, str], request: pytest.FixtureRequest
) -> None:
    """The service's image is without whatever the batch jobs need, and the smallest of the three."""
    code = f"import importlib.util as u; print([n for n in {HEAVY} if u.find_spec(n)])"
    assert python(machine, images["service"], code) == "[]"
    assert python(machine, images["webapp"], code) == "['pandas', 'streamlit', 'pyarrow']"
    size = {target: inspect(name)["Size"] for target, name in images.items()}
    request.node.user_properties += [(f"bytes of {target}", size[target]) for target in size]
    assert size["service"] < size["webapp"] < size["jobs"]
    assert size["service"] - inspect(BASE)["Size"] < 220e6


def test_the_lists_of_packages_are_true(machine: Machine, images: dict[str, str]) -> None:
    """`make sbom` names, for each image, exactly the packages that Python and Debian find in it."""
    deploy_environment()
    asked = {"ENGINE": "podman", "IMAGES": "localhost/storecast", "VERSION": VERSION}
    command = ["make", "sbom", *(f"{name}={value}" for name, value in asked.items())]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True, timeout=600)
    for target, image in images.items():
        told = json.loads((ROOT / "build" / "sbom" / f"{target}.json").read_text(encoding="utf-8"))
        listed = sorted(
            f"{part['purl'].split('/')[0]} {part['name']} {part['version']}" for part in told["components"]
        )
        found = sorted(
            [f"pkg:pypi {line}" for line in python(machine, image, PYTHONS).splitlines()]
            + [f"pkg:deb {line}" for line in debians(machine, image)]
        )
        assert found == listed, target
        assert told["metadata"]["component"]["version"] == VERSION


@pytest.mark.parametrize("command", ["run", "train", "follow", "migrate", "keys"])
def test_jobs_run_every_command(machine: Machine, images: dict[str, str], command: str) -> None:
    """The image of the jobs knows the batch commands: their help comes from there."""
    assert (
        "Examples" in machine.podman("run", "--rm", *HARD, images["jobs"], command, "--help")
        or command == "keys"
    )


def test_the_tracking_server_is_there(machine: Machine, images: dict[str, str]) -> None:
    """MLflow's server and its means to reach S3 come with the jobs."""
    shown = machine.podman("run", "--rm", *HARD, "--entrypoint", "mlflow", images["jobs"], "--version")
    assert shown.startswith("mlflow, version")
    assert python(machine, images["jobs"], "import boto3, psycopg") == ""
    machine.podman("run", "--rm", *HARD, "--entrypoint", "snooze", images["jobs"], "-n", "-H6")


@pytest.fixture
def home(machine: Machine, versions: dict[str, Made], tmp_path: Path) -> Iterator[Path]:  # noqa: F811
    """A folder of local state with a published version, the user's of the images."""
    folder = tmp_path / "home"
    publish(folder, versions["trees"], 1)
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(path.stat().st_mode | 0o055)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, USER, USER)
    yield folder
    shutil.rmtree(folder)


def test_the_service_serves_checked_limited_and_ends_kindly(
    machine: Machine, images: dict[str, str], home: Path
) -> None:
    """On a read-only root, with half a gigabyte and one processor, it answers whatever it is asked, is found
    healthy, and drains on SIGTERM to end with 0."""
    state = ["--volume", f"{home}:/var/lib/storecast"]
    issue = ["keys", "issue", "--role", "operator", "--name", "Ann", "--json"]
    made = machine.podman("run", "--rm", *HARD, *state, images["service"], *issue)
    key = re.search(r'"key": "([^"]+)"', made)
    assert key is not None
    limits = ["--memory=512m", "--cpus=1", "--network=podman", "--ip=10.88.0.20"]
    drain = ["--env=STORECAST_DRAIN_SECONDS=0.5"]
    machine.podman("run", "--detach", "--name=service", *HARD, *limits, *drain, *state, images["service"])
    with (
        machine.network(),
        httpx.Client(
            base_url="http://10.88.0.20:8000",
            trust_env=False,
            timeout=30,
            headers={"authorization": f"Bearer {key[1]}"},
        ) as client,
    ):

        def ready() -> bool:
            try:
                return client.get("/readyz").status_code == 200
            except httpx.TransportError:
                return False

        machine.await_("service", ready)
        ask_everything(SimpleNamespace(client=client), "1")  # type: ignore[arg-type]
        answered = client.get("/v1/forecasts", params={"series": "1", "horizon": 3})
    assert answered.status_code == 200
    machine.podman("healthcheck", "run", "service")  # ends with 1 where it is not healthy
    group = machine.podman("exec", "service", "cat", "/proc/self/cgroup")
    assert "memory" in group
    settings = machine.inspect("service")["HostConfig"]
    assert (settings["Memory"], settings["NanoCpus"]) == (512 << 20, 10**9)
    machine.podman("stop", "--time=60", "service")
    state_now = machine.state("service")
    assert (state_now["ExitCode"], state_now["OOMKilled"]) == (0, False)
    logged = machine.logs("service")
    assert logged.index('"draining"') < logged.index('"ended"')


def test_memory_is_limited(machine: Machine, images: dict[str, str]) -> None:
    """A program that asks for more than its share is ended; the machine goes on."""
    code = "b = bytearray(300 << 20); print(len(b))"
    with pytest.raises(RuntimeError):
        python(machine, images["service"], code, "--memory=100m", "--memory-swap=100m")
    assert python(machine, images["service"], "print(1)", "--memory=100m") == "1"
