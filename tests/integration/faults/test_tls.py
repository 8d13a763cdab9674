"""TLS and mTLS on every hop, and bearer tokens, with certificates made for the test."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
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
    qdrant: str


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


def shown(prefix: str, made: Certificates) -> dict[str, str]:
    """Return the variables by which a caller of one part trusts the CA and shows a certificate."""
    return {
        f"SKETCHZOO_{prefix}_CA": str(made.ca),
        f"SKETCHZOO_{prefix}_CLIENT_CERTIFICATE": str(made.certificate),
        f"SKETCHZOO_{prefix}_CLIENT_KEY": str(made.key),
    }


def sketchzoo(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run a command; return its status and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "sketchzoo", *arguments],
        env={**os.environ, **environment},
        check=False,
        capture_output=True,
        text=True,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    return done.returncode, said


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
        for name, value in shown("ENCODER_CALL", made).items():
            patch.setenv(name, value)
        for name, value in shown("QDRANT", made).items():
            patch.setenv(name, value)
        patch.setenv("SKETCHZOO_QDRANT_API_KEY", "gallery-key")
        patch.setenv("SKETCHZOO_ENCODER_CALL_TOKEN", ENCODER_TOKEN)
        encoder = scope.enter_context(
            encoder_process(model.folder, tls_client_ca=made.ca, token=ENCODER_TOKEN, **server)
        )
        qdrant = scope.enter_context(
            ServerProcess(root / "qdrant", api_key="gallery-key", tls_client_ca=made.ca, **server)
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
        yield Stack(made, search, encoder.target, f"127.0.0.1:{qdrant.port}")


def ask(stack: Stack, tls: ClientTls | None, token: str | None) -> int:
    with Client(stack.search.target, timeout=20, retries=0, tls=tls, token=token) as client:
        return len(client.search(picture(0)).hits)


def test_a_search_goes_by_tls_on_every_hop(stack: Stack) -> None:
    """Client to search and search to encoder by mTLS and token, to Qdrant by mTLS and key."""
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


@pytest.mark.parametrize("part", ["encoder", "qdrant"])
def test_a_health_check_shows_the_certificate_that_is_set(stack: Stack, part: str) -> None:
    """An image's own check passes under mTLS with the caller's settings, and not without."""
    made = stack.certificates
    assert sketchzoo("health", getattr(stack, part), **shown("TLS", made))[0] == 0
    assert sketchzoo("health", getattr(stack, part), SKETCHZOO_TLS_CA=str(made.ca))[0] == 4


def test_every_command_trusts_qdrant_by_its_own_ca(stack: Stack, tmp_path: Path) -> None:
    """Ingest and the map work with the right CA; else one line says what is wrong, status 4."""
    made, other = stack.certificates, make_certificates(tmp_path / "other")
    write_photos(tmp_path / "photos", 2)
    environment = {
        "SKETCHZOO_QDRANT_URL": f"https://{stack.qdrant}",
        "SKETCHZOO_ENCODER_TARGET": stack.encoder,
        "COLUMNS": "500",
    }
    ingest = ("ingest", str(tmp_path / "photos"), "--retry-seconds", "0")
    mapped = ("live", "map", "--out", str(tmp_path / "map.npz"))
    assert [sketchzoo(*each, **environment)[0] for each in (ingest, mapped)] == [0, 0]
    unsigned = "its certificate is not signed by the CA that was given"
    unknown = {**shown("QDRANT", other), "SKETCHZOO_QDRANT_CA": str(made.ca)}
    for command, wrong, reason in (
        (ingest, {"SKETCHZOO_QDRANT_CA": str(other.ca)}, unsigned),
        (mapped, {"SKETCHZOO_QDRANT_CA": ""}, unsigned),
        (mapped, unknown, "it closed the connection: does it ask for TLS, or a certificate?"),
    ):
        status, said = sketchzoo(*command, **environment, **wrong)
        assert status == 4, said
        assert [reason in line for line in said.splitlines()].count(True) == 1, said


def test_search_says_what_is_wrong_with_a_certificate(stack: Stack, tmp_path: Path) -> None:
    """A CA that did not sign, and a CA for a part that speaks plain text, stand in its log."""
    other = make_certificates(tmp_path / "other")
    url = f"https://{stack.qdrant}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SKETCHZOO_QDRANT_CA", str(other.ca))
        with search_process(stack.encoder, url) as search:
            said = problem(search)
    assert "Qdrant" in said
    assert "its certificate is not signed by the CA that was given" in said
    model = tiny_model(tmp_path / "model", shared=True)
    with encoder_process(model.folder) as plain, search_process(plain.target, url) as search:
        said = problem(search)
    assert "encoder is away: it speaks plain text, not TLS: call it without a CA" in said


def problem(search: SearchProcess) -> str:
    """Wait until a service says why it is not ready."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for event in list(search.events):
            if event["event"] == "readiness" and event["problem"]:
                return str(event["problem"])
        time.sleep(0.05)
    raise AssertionError(search.events)


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
