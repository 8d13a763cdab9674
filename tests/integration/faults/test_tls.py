"""TLS and mTLS on every hop, and bearer tokens, with certificates made for the test."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from sketchzoo.client import Client, Denied, SearchError, Unavailable
from sketchzoo.encoder.v1 import encoder_pb2, encoder_pb2_grpc
from sketchzoo.rpc.tls import ClientTls
from tests.artefacts import encoder_process, picture, tiny_model
from tests.contract.embedded_qdrant.server_process import ServerProcess
from tests.integration.search_service.stack import SearchProcess, fill, search_process, write_photos

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates"),
]

ENCODER_TOKEN = "encoder-token"  # noqa: S105 - made for the test
SEARCH_TOKEN = "search-token"  # noqa: S105 - made for the test


@dataclass(frozen=True, slots=True)
class Certificates:
    """A CA's certificate, and one for 127.0.0.1 with its key, which all parts share."""

    ca: Path
    certificate: Path
    key: Path

    @property
    def client(self) -> ClientTls:
        return ClientTls(self.ca, self.certificate, self.key)


@dataclass(frozen=True, slots=True)
class Stack:
    certificates: Certificates
    search: SearchProcess
    encoder: str


def make_certificates(folder: Path, names: str = "IP:127.0.0.1,DNS:localhost") -> Certificates:
    folder.mkdir()

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Test CA",
            "-days", "2")  # fmt: skip
    openssl("req", *key, "-keyout", "part.key", "-out", "part.csr", "-subj", "/CN=part")
    (folder / "names").write_text(f"subjectAltName={names}\n")
    openssl("x509", "-req", "-in", "part.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "part.pem")  # fmt: skip
    return Certificates(folder / "ca.pem", folder / "part.pem", folder / "part.key")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    root = tmp_path_factory.mktemp("tls")
    made = make_certificates(root / "certificates")
    server = {"tls_certificate": made.certificate, "tls_key": made.key}
    with ExitStack() as scope, pytest.MonkeyPatch.context() as patch:
        model = tiny_model(root / "model", shared=True)
        # Filled in plain text first; then the same parts by TLS alone.
        with encoder_process(model.folder) as plain, ServerProcess(root / "qdrant") as bare:
            url = f"http://127.0.0.1:{bare.port}"
            asyncio.run(fill(plain.target, url, write_photos(root / "photos", 20)))
        patch.setenv("SKETCHZOO_TLS_CA", str(made.ca))
        patch.setenv("SKETCHZOO_TLS_CLIENT_CERTIFICATE", str(made.certificate))
        patch.setenv("SKETCHZOO_TLS_CLIENT_KEY", str(made.key))
        # What the Qdrant client trusts is gRPC's own setting.
        patch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(made.ca))
        patch.setenv("SKETCHZOO_QDRANT_API_KEY", "gallery-key")
        patch.setenv("SKETCHZOO_ENCODER_CALL_TOKEN", ENCODER_TOKEN)
        encoder = scope.enter_context(
            encoder_process(model.folder, tls_client_ca=made.ca, token=ENCODER_TOKEN, **server)
        )
        qdrant = scope.enter_context(
            ServerProcess(root / "qdrant", api_key="gallery-key", **server)
        )
        search = scope.enter_context(
            search_process(
                encoder.target,
                f"https://127.0.0.1:{qdrant.port}",
                tls_client_ca=made.ca,
                token=SEARCH_TOKEN,
                **server,
            )
        )
        yield Stack(made, search, encoder.target)


def ask(stack: Stack, tls: ClientTls | None, token: str | None) -> int:
    with Client(stack.search.target, timeout=20, retries=0, tls=tls, token=token) as client:
        return len(client.search(picture(0)).hits)


def test_a_search_goes_by_tls_on_every_hop(stack: Stack) -> None:
    """Client to search and search to encoder by mTLS and token, search to Qdrant by TLS and key."""
    made = stack.certificates
    answer: SearchError | int = Unavailable("not asked yet")
    for _ in range(50):
        try:
            answer = ask(stack, made.client, SEARCH_TOKEN)
            break
        except Unavailable as error:  # until the readiness check has seen every part
            answer = error
    assert answer == 12


def test_without_a_certificate_nobody_is_let_in(stack: Stack) -> None:
    """Plain text, and TLS without a client's certificate, never reach a method."""
    for tls in (None, ClientTls(stack.certificates.ca)):
        with pytest.raises(Unavailable):
            ask(stack, tls, SEARCH_TOKEN)


def test_a_health_check_shows_the_certificate_that_is_set(stack: Stack) -> None:
    """An image's own check passes under mTLS with the caller's settings, and not without."""
    command = [sys.executable, "-m", "sketchzoo", "health", stack.encoder]
    names = ("CA", "CLIENT_CERTIFICATE", "CLIENT_KEY")
    made = stack.certificates
    shown = {
        f"SKETCHZOO_TLS_{name}": str(path)
        for name, path in zip(names, (made.ca, made.certificate, made.key), strict=True)
    }
    others = {key: value for key, value in os.environ.items() if key not in shown}
    for more, status in ((shown, 0), ({"SKETCHZOO_TLS_CA": str(made.ca)}, 4)):
        done = subprocess.run(command, env={**others, **more}, check=False, capture_output=True)
        assert done.returncode == status, done.stderr


def test_a_wrong_token_is_refused_and_logged_nowhere(stack: Stack) -> None:
    """UNAUTHENTICATED; neither the right token nor the wrong one stands in the log."""
    for token in ("wrong-token", None):
        with pytest.raises(Denied):
            ask(stack, stack.certificates.client, token)
    said = repr(stack.search.events)
    assert "wrong-token" not in said
    assert SEARCH_TOKEN not in said
    assert ENCODER_TOKEN not in said


def test_the_encoder_wants_both_certificate_and_token(stack: Stack) -> None:
    """Its own door is as closed as the search's."""
    channel = grpc.secure_channel(stack.encoder, stack.certificates.client.credentials())
    with channel:
        stub = encoder_pb2_grpc.EncoderServiceStub(channel)
        with pytest.raises(grpc.RpcError) as refused:
            stub.GetModel(encoder_pb2.GetModelRequest(), timeout=20)
        call: grpc.Call = refused.value  # type: ignore[assignment] # it is both
        assert call.code() is grpc.StatusCode.UNAUTHENTICATED
