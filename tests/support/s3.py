"""An S3-compatible store for the tests: moto's server, a process of its own on the loopback."""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
from botocore.config import Config

from tests.support.engines import free_port, stop

REGION = "eu-central-1"


@dataclass(frozen=True, slots=True)
class Store:
    """``user`` may do everything in the bucket, once ``guarded``."""

    endpoint: str
    access_key: str = "testing"
    secret_key: str = "testing-secret"

    def client(self, service: str = "s3") -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}),
        )

    def make_bucket(self, name: str) -> str:
        with contextlib.closing(self.client()) as client:
            client.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        return name

    def url(self, bucket: str, prefix: str = "") -> str:
        return f"s3://{bucket}/{prefix}?endpoint_url={self.endpoint}&region={REGION}"

    @contextlib.contextmanager
    def guarded(self, policy: str) -> Iterator["Store"]:
        """While inside, credentials are checked; gives the store as a user who may do what ``policy`` says."""
        with contextlib.closing(self.client("iam")) as iam:
            iam.create_user(UserName="backup")
            iam.put_user_policy(UserName="backup", PolicyName="backup", PolicyDocument=policy)
            key = iam.create_access_key(UserName="backup")["AccessKey"]
            httpx.post(f"{self.endpoint}/moto-api/reset-auth", content=b"0").raise_for_status()
            try:
                yield Store(self.endpoint, key["AccessKeyId"], key["SecretAccessKey"])
            finally:
                httpx.post(f"{self.endpoint}/moto-api/reset-auth", content=b"inf").raise_for_status()
                iam.delete_access_key(UserName="backup", AccessKeyId=key["AccessKeyId"])
                iam.delete_user_policy(UserName="backup", PolicyName="backup")
                iam.delete_user(UserName="backup")


@contextlib.contextmanager
def running_store() -> Iterator[Store]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{endpoint}/moto-api/").raise_for_status()
                break
            time.sleep(0.1)
        yield Store(endpoint)
    finally:
        stop(process)
