"""TLS: credentials of servers and callers from PEM files."""

import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import grpc

if TYPE_CHECKING:  # the SDK's users need none
    from sketchzoo.call_settings import ClientTlsSettings, EncoderCallSettings


@dataclass(frozen=True, slots=True)
class ServerTls:
    """A server's certificate; with `client_ca`, callers must show one too (mTLS)."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Read the files into credentials.

        Raises:
            OSError: a file is missing.
            ValueError: a file holds no certificate or key, or the two do not belong together.

        """
        _check_pair(self.certificate, self.key)
        if self.client_ca is not None:
            _check_ca(self.client_ca)
        return grpc.ssl_server_credentials(
            [(self.key.read_bytes(), self.certificate.read_bytes())],
            root_certificates=self.client_ca.read_bytes() if self.client_ca else None,
            require_client_auth=self.client_ca is not None,
        )


@dataclass(frozen=True, slots=True)
class ClientTls:
    """What a caller trusts, and, for mTLS, the certificate it shows; paths of PEM files.

    Without a `ca` it trusts whom everybody does: gRPC's own list, or the file that
    GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names.
    """

    ca: str | os.PathLike[str] | None = None
    certificate: str | os.PathLike[str] | None = None
    key: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: give both or neither")
        for name in ("ca", "certificate", "key"):
            path = getattr(self, name)
            if not isinstance(path, str | os.PathLike | None):
                raise TypeError(f"{name} must be the path of a PEM file, not {type(path).__name__}")

    @classmethod
    def of(
        cls, settings: "ClientTlsSettings | EncoderCallSettings", prefix: str = ""
    ) -> Self | None:
        """Return how a server is called by settings whose names begin so; None in plain text."""
        names = ("ca", "client_certificate", "client_key")
        ca, certificate, key = (getattr(settings, prefix + name) for name in names)
        return None if ca is None else cls(ca, certificate, key)

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files into credentials.

        Raises:
            OSError: a file is missing.
            ValueError: a file holds no certificate or key, or the two do not belong together.

        """
        ca, certificate, key = (
            None if path is None else Path(path) for path in (self.ca, self.certificate, self.key)
        )
        if ca is not None:
            _check_ca(ca)
        if certificate is not None and key is not None:
            _check_pair(certificate, key)
        return grpc.ssl_channel_credentials(
            *(None if path is None else path.read_bytes() for path in (ca, key, certificate))
        )


# gRPC takes any bytes, and says of wrong ones no more than that a handshake failed.
def _check_ca(path: Path) -> None:
    path.read_bytes()  # what is missing is no SSLError
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError as error:
        raise ValueError(f"{path} holds no certificate in PEM form") from error


def _check_pair(certificate: Path, key: Path) -> None:
    for path in (certificate, key):
        path.read_bytes()
    try:
        # An empty password: an encrypted key must not ask at the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        raise ValueError(
            f"{certificate} and {key} are no certificate and its private key in PEM form: "
            f"{error.reason or error}"
        ) from error
