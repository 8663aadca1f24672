"""What is deployed has no credential that anybody could know: none written down, none empty, no open door."""

from __future__ import annotations

import re
import subprocess

import pytest
import yaml

from tests.needs import ROOT

PLACES = ("compose.yaml", "Dockerfile", "Jenkinsfile", "jenkins", "deploy", "monitoring", "tools")
# Where a value is looked up, or made; a file, a variable, another resource, a name in a store of secrets.
ELSEWHERE = re.compile(
    r"""^(?:/run/secrets/|/var/lib/|keys/|\$|\\\$|["']?\$|\*\w|\{file:|var\.|aws_|module\."""
    r"""|null\b|true\b|false\b|secrets\.token|key:|name:|kind:|secretName:|\|$|\{$|\[)"""
)
_WORDS = "passw(?:or)?d|secret|token|credential|api_?key|access_?key|private_?key|requirepass"
NAME = rf"[\w.-]*(?:{_WORDS})[\w.-]*"
ASSIGNED = re.compile(
    rf"""^(\s*)(?:-\s+)?(?:export\s+|ENV\s+|ARG\s+)?["']?({NAME})["']?(?:\s*([:=])\s*|\s+)(\S.*?)?\s*$""",
    re.I,
)
# Options by these names hold no credential: how one is kept, checked or found.
SETTINGS = re.compile(
    r"""^(?:secrets?|secretGenerator|secretKey|secretName|secretStoreRef|automountServiceAccountToken"""
    r"""|http_tokens|password_encryption|auth_token_update_strategy|passwordVariable|manage_master_user_password"""
    r"""|STORECAST_SECRETS(?:_FOLDER)?|.*_FILE|credentials_file|credentialsId)$""",
    re.I,
)
OPEN = {
    "PostgreSQL asks for no password": (
        r"^(?!#)\s*(?:local|host\w*)\s+\S+\s+\S+\s+.*\btrust\b|AUTH_METHOD\W+trust"
    ),
    "Redis asks for no password": r"^\s*(?:user default on|protected-mode no)|\bnopass\b",
    "an empty password is allowed": r"ALLOW_EMPTY_(?:ROOT_)?PASSWORD|ALLOW_ANONYMOUS_LOGIN",
    "Grafana shows itself to everybody": r"(?:AUTH_ANONYMOUS_ENABLED|disable_login_form)\W+true",
    "a word is part of an address": r"://[\w.-]*:[^@\s/$%{<*]+@",
    "a default that everybody knows": r"\b(?:minioadmin|changeme|change-me|admin:admin|guest:guest)\b",
}
VARIABLE = re.compile(r'variable "(\w+)" \{(.*?)^\}', re.M | re.S)
PLANTED = {
    "GF_SECURITY_ADMIN_PASSWORD: admin": "GF_SECURITY_ADMIN_PASSWORD is written down",
    '      POSTGRES_PASSWORD: "storecast"': "POSTGRES_PASSWORD is written down",
    'POSTGRES_PASSWORD=""': "POSTGRES_PASSWORD is empty",
    "requirepass hunter2": "requirepass is written down",
    '  auth_token = "0123456789abcdef"': "auth_token is written down",
    "ENV AWS_SECRET_ACCESS_KEY=abc": "AWS_SECRET_ACCESS_KEY is written down",
    "  password:": "password is empty",
    "host all all 0.0.0.0/0 trust": "PostgreSQL asks for no password",
    "POSTGRES_HOST_AUTH_METHOD: trust": "PostgreSQL asks for no password",
    "user default on nopass ~* +@all": "Redis asks for no password",
    'GF_AUTH_ANONYMOUS_ENABLED: "true"': "Grafana shows itself to everybody",
    "postgresql://mlflow:mlflow@postgres/mlflow": "a word is part of an address",
    "AWS_ACCESS_KEY: minioadmin": "a default that everybody knows",
    'variable "db_password" {\n  default = "x"\n}': "db_password has a default",
}


def found_in(text: str) -> list[str]:
    """What of ``text`` is a credential that is written down, an empty one, or a door without any."""
    found = [what for what, pattern in OPEN.items() if re.search(pattern, text, re.M | re.I)]
    lines = [line for line in text.splitlines() if line.strip()]
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        match = ASSIGNED.match(line)
        if match is None or SETTINGS.match(match[2]):
            continue
        margin, name, sign = match[1], match[2], match[3]
        value = (match[4] or "").split("  #")[0].strip()
        if value in ("", '""', "''"):
            inside = len(below) - len(below.lstrip()) > len(margin)  # a mapping, which says more
            found += [] if inside else [f"{name} is empty"]
        elif (sign or name == "requirepass") and not ELSEWHERE.match(value):
            found.append(f"{name} is written down")
    for name, block in VARIABLE.findall(text):
        default = re.search(r"^\s*default\s*=\s*(.+)$", block, re.M)
        if re.fullmatch(NAME, name, re.I) and default and default[1].strip() != "null":
            found.append(f"{name} has a default")
    return found


def test_no_credential_is_written_down_where_it_is_deployed() -> None:
    """In compose and its example, images, Kubernetes, Terraform, Jenkins, the settings of every server."""
    listed = subprocess.run(["git", "ls-files", "-z", *PLACES], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone: git does not list its files")
    names = [name for name in listed.stdout.decode().split("\0") if name]
    names = [name for name in names if not name.endswith((".md", ".lock", ".py", ".json", ".tftest.hcl"))]
    assert len(names) > 120
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in names if (ROOT / name).is_file()}
    assert {name: found for name, text in texts.items() if (found := found_in(text))} == {}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_one_is_found(planted: str) -> None:
    """Each kind, on a line of a file that is otherwise clean."""
    sound = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    assert found_in(sound) == []
    assert PLANTED[planted] in found_in(f"{sound}\n{planted}\n")


def test_servers_with_a_default_of_their_own_are_given_another() -> None:
    """Grafana would be admin's, PostgreSQL and the store anybody's: each has a secret made for it."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    grafana, postgres = services["grafana"]["environment"], services["postgres"]["environment"]
    assert grafana["GF_SECURITY_ADMIN_PASSWORD__FILE"] == "/run/secrets/grafana_password"
    assert grafana["GF_AUTH_ANONYMOUS_ENABLED"] == grafana["GF_USERS_ALLOW_SIGN_UP"] == "false"
    assert postgres["POSTGRES_PASSWORD_FILE"] == "/run/secrets/postgres_password"
    assert "-s3.config=/run/secrets/s3_config.json" in services["s3"]["command"]
    assert (ROOT / "deploy/compose/redis.conf").read_text().count("aclfile /run/secrets/redis_users") == 1
    rules = (ROOT / "deploy/compose/pg_hba.conf").read_text().splitlines()
    assert {rule.split()[-1] for rule in rules if rule and rule[0] != "#"} == {"peer", "scram-sha-256"}
