"""An environment's life against an emulator of AWS: made, unchanged, drifted, locked, taken down.

The tests of this module follow one another on one environment, as its days do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from tests.deploy.emulator import CREDENTIALS, Terraform, emulator, tree

pytestmark = pytest.mark.rehearsal

REGION = "eu-central-1"
KEY = "development.tfstate"


@dataclass
class Account:
    """An account in the emulator: the state's root, the environment's, and the account itself."""

    bootstrap: Terraform
    infrastructure: Terraform
    address: str

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.address,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("account")
    with emulator(folder) as address:
        copy = tree(folder / "tree")
        loose = ("-var=force_destroy=true", "-var=deletion_protection=false")
        bootstrap = Terraform(copy, "bootstrap", address, f"-var=region={REGION}", *loose)
        bootstrap.init()
        bootstrap.apply()
        infrastructure = Terraform(
            copy, "infrastructure", address, "-var-file=environments/development.tfvars"
        )
        (infrastructure.folder / "backend.hcl").write_text(bootstrap.output("backend"), encoding="utf-8")
        account = Account(bootstrap, infrastructure, address)
        # The emulator takes "deny what comes without TLS" for "deny": it reads no conditions.
        account.client("s3").delete_bucket_policy(Bucket=bootstrap.output("bucket"))
        infrastructure.init("-backend-config=backend.hcl", f"-backend-config=key={KEY}")
        infrastructure.apply()
        yield account


def test_the_state_lies_in_the_bucket_with_its_versions(account: Account) -> None:
    """Bucket and lock table are as they were promised, and hold the environment's state."""
    s3, bucket = account.client("s3"), account.bootstrap.output("bucket")
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    assert KEY in {version["Key"] for version in s3.list_object_versions(Bucket=bucket)["Versions"]}
    table = account.client("dynamodb").describe_table(TableName=account.bootstrap.output("lock_table"))[
        "Table"
    ]
    assert table["SSEDescription"]["Status"] == "ENABLED"


def test_a_second_plan_changes_nothing(account: Account) -> None:
    """What was applied is what is described."""
    planned = account.infrastructure.plan()
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "No changes" in planned.stdout


def test_the_host_may_do_what_it_must_and_nothing_else(account: Account) -> None:
    """Each right by its resource; a star stands only where AWS takes no resource."""
    policy = json.loads(account.infrastructure.output("host_policy"))
    rights = {statement["Sid"]: statement for statement in policy["Statement"]}
    assert {statement["Effect"] for statement in rights.values()} == {"Allow"}
    everywhere = {sid for sid, statement in rights.items() if statement["Resource"] == "*"}
    assert everywhere == {"RegistryToken", "WriteMetrics", "Ssm"}
    assert rights["RegistryToken"]["Action"] == "ecr:GetAuthorizationToken"
    assert rights["WriteMetrics"]["Condition"]["StringEquals"] == {
        "cloudwatch:namespace": "Storecast/storecast-development"
    }
    assert all(
        action.startswith(("ssm:Update", "ssmmessages:", "ec2messages:"))
        for action in rights["Ssm"]["Action"]
    )
    assert all("/storecast/development" in arn for arn in rights["ReadParameters"]["Resource"])
    assert rights["ReadReleases"]["Resource"].endswith("/releases/*")
    assert rights["WriteBackups"]["Resource"].endswith("/host/*")
    actions = [
        action
        for s in rights.values()
        for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
    ]
    assert not [
        action for action in actions if "*" in action or ("Delete" in action and "Message" not in action)
    ]


def test_only_https_reaches_the_host(account: Account) -> None:
    """The group of the running host, as the account has it."""
    ec2 = account.client("ec2")
    host = ec2.describe_instances(InstanceIds=[account.infrastructure.output("instance_id")])
    instance = host["Reservations"][0]["Instances"][0]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    groups = [group["GroupId"] for group in instance["SecurityGroups"]]
    rules = [
        (rule["FromPort"], rule["ToPort"], [block["CidrIp"] for block in rule["IpRanges"]])
        for group in ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
        for rule in group["IpPermissions"]
    ]
    assert rules == [(443, 443, ["0.0.0.0/0"])]


def test_a_deployed_release_is_no_drift_but_an_opened_bucket_is(account: Account) -> None:
    """The pipeline may name the release; whoever opens a bucket by hand is found by the next plan."""
    account.client("ssm").put_parameter(
        Name=account.infrastructure.output("release_parameter"),
        Value="1.2.3",
        Type="SecureString",
        Overwrite=True,
    )
    planned = account.infrastructure.plan()
    assert planned.returncode == 0, planned.stdout
    account.client("s3").delete_public_access_block(Bucket=account.infrastructure.output("backups_bucket"))
    planned = account.infrastructure.plan("-out=mended")
    assert planned.returncode == 2, planned.stdout
    assert (
        "module.system.module.backups.aws_s3_bucket_public_access_block.this will be created"
        in planned.stdout
    )
    mended = account.infrastructure("apply", "-no-color", "mended")
    assert mended.returncode == 0, mended.stderr


def test_two_cannot_change_it_at_once_and_a_stuck_lock_is_freed(account: Account) -> None:
    """Who comes second is refused and told who holds the lock; a lock left behind is freed by its id."""
    bucket, lock = account.bootstrap.output("bucket"), "7e1f7b1c-3d4e-4f5a-8b6c-9d0e1f2a3b4c"
    info = {
        "ID": lock,
        "Operation": "OperationTypeApply",
        "Who": "somebody@elsewhere",
        "Path": f"{bucket}/{KEY}",
    }
    account.client("dynamodb").put_item(
        TableName=account.bootstrap.output("lock_table"),
        Item={"LockID": {"S": f"{bucket}/{KEY}"}, "Info": {"S": json.dumps(info)}},
    )
    refused = account.infrastructure.plan()
    assert refused.returncode == 1
    assert "Error acquiring the state lock" in refused.stderr
    assert "somebody@elsewhere" in refused.stderr
    freed = account.infrastructure("force-unlock", "-force", "-no-color", lock)
    assert freed.returncode == 0, freed.stderr
    assert account.infrastructure.plan().returncode == 0


def test_it_is_taken_down_without_a_rest(account: Account) -> None:
    """Nothing that costs is left: no machine, bucket, repository or log."""
    account.infrastructure.destroy()
    assert account.infrastructure("state", "list").stdout == ""
    ec2 = account.client("ec2")
    states = [
        instance["State"]["Name"]
        for reservation in ec2.describe_instances()["Reservations"]
        for instance in reservation["Instances"]
    ]
    assert set(states) <= {"terminated"}
    assert account.client("logs").describe_log_groups()["logGroups"] == []
    assert account.client("ecr").describe_repositories()["repositories"] == []
    buckets = [bucket["Name"] for bucket in account.client("s3").list_buckets()["Buckets"]]
    assert buckets == [account.bootstrap.output("bucket")]
