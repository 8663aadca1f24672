"""Makes a bucket, versioned, where there is none: ``python3 bucket.py ENDPOINT NAME``."""

from __future__ import annotations

import sys

import boto3
from botocore.exceptions import ClientError


def main(endpoint: str, name: str) -> None:
    """Raises what the store answers, but for the bucket that is there already."""
    store = boto3.client("s3", endpoint_url=endpoint)
    try:
        store.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise
        store.create_bucket(Bucket=name)
    store.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


if __name__ == "__main__":
    main(*sys.argv[1:])
