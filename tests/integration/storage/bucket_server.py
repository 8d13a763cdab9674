"""An S3 API in a process of its own, and the buckets in it."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


@dataclass
class Buckets:
    """What the server holds."""

    endpoint: str

    def __post_init__(self) -> None:
        self.client: Any = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",  # noqa: S106 - the server takes any
        )

    def make(self, name: str, **contents: bytes) -> str:
        self.client.create_bucket(Bucket=name)
        for key, content in contents.items():
            self.put(name, key, content)
        return f"s3://{name}"

    def put(self, bucket: str, key: str, content: bytes) -> str:
        self.client.put_object(Bucket=bucket, Key=key, Body=content)
        return f"s3://{bucket}/{key}"

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def use(self, patch: pytest.MonkeyPatch) -> None:
        """Let this process find the server as S3's own tools would."""
        for name, value in self.environment().items():
            patch.setenv(name, value)


@contextmanager
def bucket_server() -> Iterator[Buckets]:
    """Serve until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if line.strip().isdigit())
            yield Buckets(f"http://127.0.0.1:{line.strip()}")
        finally:
            process.terminate()
