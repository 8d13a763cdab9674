"""TLS: credentials of servers and callers from PEM files."""

import os
from dataclasses import dataclass
from pathlib import Path

import grpc


@dataclass(frozen=True, slots=True)
class ServerTls:
    """A server's certificate; with `client_ca`, callers must show one too (mTLS)."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """Read the files into credentials; OSError names the file that is missing."""
        return grpc.ssl_server_credentials(
            [(self.key.read_bytes(), self.certificate.read_bytes())],
            root_certificates=self.client_ca.read_bytes() if self.client_ca else None,
            require_client_auth=self.client_ca is not None,
        )


@dataclass(frozen=True, slots=True)
class ClientTls:
    """What a caller trusts, and, for mTLS, the certificate it shows; paths of PEM files."""

    ca: str | os.PathLike[str]
    certificate: str | os.PathLike[str] | None = None
    key: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: give both or neither")
        for name in ("ca", "certificate", "key"):
            path = getattr(self, name)
            if not (isinstance(path, str | os.PathLike) or (path is None and name != "ca")):
                raise TypeError(f"{name} must be the path of a PEM file, not {_kind(path)}")

    def credentials(self) -> grpc.ChannelCredentials:
        """Read the files into credentials.

        Raises:
            OSError: a file is missing.
            ValueError: a file is no PEM file.

        """
        return grpc.ssl_channel_credentials(
            root_certificates=_pem("ca", self.ca),
            private_key=None if self.key is None else _pem("key", self.key),
            certificate_chain=None
            if self.certificate is None
            else _pem("certificate", self.certificate),
        )


def _pem(name: str, path: str | os.PathLike[str]) -> bytes:
    content = Path(path).read_bytes()
    # What gRPC can't read it reports by a failed handshake, and a line of its C++ code.
    if b"-----BEGIN " not in content:
        raise ValueError(f"{name} must be a PEM file, which {path} is not")
    return content


def _kind(value: object) -> str:
    return "None" if value is None else type(value).__name__
