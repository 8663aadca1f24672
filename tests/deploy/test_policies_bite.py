"""Each rule of the infrastructure is broken once, in a copy: the checks must say so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.deploy.emulator import tree
from tests.deploy.tools import deploy_environment, terraform
from tools.deploy.outcome import run
from tools.deploy.policies import checkov
from tools.deploy.terraform import NO_PROVIDER, plugins

pytestmark = pytest.mark.rehearsal

# What is broken: module/file, what stands there (blanks are as many as there are), what is put in its place,
# the rule that must be named.
BROKEN = {
    "bucket not versioned": (
        "bucket/main",
        'status = "Enabled" } }',
        'status = "Suspended"\n  }\n}',
        "CKV_AWS_21",
    ),
    "bucket with public lists": (
        "bucket/main",
        "block_public_acls = true",
        "block_public_acls = false",
        "CKV_AWS_53",
    ),
    "bucket with public policies": (
        "bucket/main",
        "block_public_policy = true",
        "block_public_policy = false",
        "CKV_AWS_54",
    ),
    "bucket without our key": ("bucket/main", '"aws:kms"', '"AES256"', "CKV_AWS_145"),
    "key that never turns": ("encryption/main", "enable_key_rotation = true", "", "CKV_AWS_7"),
    "metadata of version 1": ("host/main", '= "required"', '= "optional"', "CKV_AWS_79"),
    "system's disk in the clear": ("host/main", "encrypted = true", "encrypted = false", "CKV_AWS_8"),
    "data's disk in the clear": ("host/main", "kms_key_id = var.kms_key_arn", "", "CKV_AWS_3"),
    "SSH from the world": (
        "security_groups/main",
        'SSH from a stated address" cidr_ipv4 = each.value',
        'SSH from all"\n  cidr_ipv4 = "0.0.0.0/0"',
        "CKV_AWS_24",
    ),
    "role that may do everything": ("host/role", '["s3:GetObject"]', '["*"]', "CKV_AWS_49"),
    "tags written twice": ("registry/main", '"IMMUTABLE"', '"MUTABLE"', "CKV_AWS_51"),
    "images not scanned": ("registry/main", "scan_on_push = true", "scan_on_push = false", "CKV_AWS_163"),
    "public database": (
        "database/main",
        "publicly_accessible = false",
        "publicly_accessible = true",
        "CKV_AWS_17",
    ),
    "database in the clear": ("database/main", "storage_encrypted = true", "", "CKV_AWS_16"),
    "cache without TLS": ("cache/main", "transit_encryption_enabled = true", "", "CKV_AWS_30"),
    "balancer with old TLS": (
        "load_balancer/main",
        "ELBSecurityPolicy-TLS13-1-2-2021-06",
        "ELBSecurityPolicy-2016-08",
        "CKV_AWS_103",
    ),
    "logs without our key": ("monitoring/main", "kms_key_id = var.kms_key_arn", "", "CKV_AWS_158"),
    "alarms in the clear": ("monitoring/main", "kms_master_key_id = var.kms_key_arn", "", "CKV_AWS_26"),
}

# Likewise, where Terraform's own tests must fail.
UNTESTED = {
    "bucket that takes plain HTTP": ("bucket/main", '"aws:SecureTransport"', '"aws:SecureTransportation"'),
    "SSH rule that takes the world": (
        "security_groups/variables",
        'split("/", cidr)[1], 0)) >= 16',
        'split("/", cidr)[1], 0)) >= 0',
    ),
    "metadata for containers": (
        "host/main",
        "http_put_response_hop_limit = 1",
        "http_put_response_hop_limit = 2",
    ),
}


def _break(copy: Path, file: str, old: str, new: str) -> None:
    path = copy / "deploy" / "terraform" / "modules" / f"{file}.tf"
    words = r"\s+".join(re.escape(word) for word in old.split())
    text, count = re.subn(words, lambda _: new, path.read_text(encoding="utf-8"))
    assert count, f"{file} no longer holds {old!r}: break it in another way"
    path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What checkov says of a tree in which every rule is broken."""
    deploy_environment()
    copy = tree(tmp_path_factory.mktemp("broken") / "tree")
    for file, old, new, _ in BROKEN.values():
        _break(copy, file, old, new)
    return checkov("terraform", copy / "deploy" / "terraform", name="broken").detail


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_rule_is_named(complaints: str, what: str) -> None:
    """The rule that was broken is among the complaints; on the tree as it is there are none."""
    assert f"{BROKEN[what][3]} " in complaints


@pytest.mark.parametrize("what", UNTESTED)
def test_a_broken_promise_fails_its_test(tmp_path: Path, what: str) -> None:
    """What policies cannot see, Terraform's own tests do."""
    terraform()
    file, old, new = UNTESTED[what]
    copy = tree(tmp_path / "tree")
    _break(copy, file, old, new)
    folder = copy / "deploy" / "terraform" / "modules" / file.split("/")[0]
    begun = run(["terraform", "init", "-backend=false", "-input=false", *plugins()], folder=folder)
    if begun.returncode and not plugins():
        pytest.skip(NO_PROVIDER)
    done = run(["terraform", "test", "-no-color"], folder=folder)
    assert done.returncode == 1
    assert "... fail" in done.stdout
