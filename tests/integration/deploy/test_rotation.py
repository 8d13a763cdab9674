"""Certificates replaced as docs/operations/rotate.md says, under a caller's eyes."""

import shutil
import subprocess
from pathlib import Path

import grpc
import pytest

from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sketchzoo.rpc.tls import ClientTls
from tests.artefacts import encoder_process, tiny_model
from tests.deployment import commands
from tests.integration.faults.test_tls import make_certificates

pytestmark = [
    pytest.mark.timeout(200),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates"),
]


def trusts(ca: Path, target: str) -> bool:
    """Tell whether a caller that trusts `ca` reaches the encoder."""
    with grpc.secure_channel(target, ClientTls(ca).credentials()) as channel:
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)
        try:
            stub.GetModel(encoder_pb2.GetModelRequest(), timeout=10)
        except grpc.RpcError:
            return False
    return True


def test_a_new_ca_and_certificate_refuse_no_caller(tmp_path: Path) -> None:
    """Callers trust both, the server shows the new one: both before and after are reached."""
    old, new = make_certificates(tmp_path / "old"), make_certificates(tmp_path / "new")
    here = tmp_path / "tls"
    here.mkdir()
    for source, name in (
        (old.ca, "ca.pem"),
        (old.certificate, "server.pem"),
        (old.key, "server.key"),
        (new.ca, "new-ca.pem"),
        (new.certificate, "new-server.pem"),
        (new.key, "new-server.key"),
    ):
        shutil.copy(source, here / name)
    text = commands("rotate.md", "cat tls/new-ca.pem")
    first, *second = (line for line in text.splitlines() if not line.startswith("docker"))
    model = tiny_model(tmp_path / "model")
    tls = {"tls_certificate": here / "server.pem", "tls_key": here / "server.key"}
    with encoder_process(model.folder, **tls) as encoder:
        subprocess.run(["bash", "-ec", first], cwd=tmp_path, check=True)
        assert trusts(here / "ca.pem", encoder.target)
        subprocess.run(["bash", "-ec", "\n".join(second)], cwd=tmp_path, check=True)
        assert trusts(here / "ca.pem", encoder.target), "until its restart it shows the old one"
    with encoder_process(model.folder, **tls) as encoder:
        assert trusts(here / "ca.pem", encoder.target)
        assert not trusts(old.ca, encoder.target), "the new certificate is shown"
