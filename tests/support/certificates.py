"""Certificates for the tests, as files: an authority made for a test run and what it signs."""

import datetime
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization

_PAST = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True)
class Pair:
    """Paths of a certificate with its chain and of its key, in PKCS#8."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates and keeps them in ``folder``; ``ca`` is the path of its own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._ca = trustme.CA()
        self._made = 0
        self.ca = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca)

    def server(self, *names: str, expired: bool = False) -> Pair:
        """A certificate of a server; without names it is this machine's loopback."""
        return self._sign(names or ("localhost", "127.0.0.1"), None, expired)

    def client(self, name: str, *, expired: bool = False) -> Pair:
        """A certificate of a client that calls itself ``name``."""
        return self._sign((f"{name}.client.invalid",), name, expired)

    def _sign(self, names: tuple[str, ...], common_name: str | None, expired: bool) -> Pair:
        validity = {"not_before": _PAST, "not_after": _PAST + datetime.timedelta(days=1)} if expired else {}
        signed = self._ca.issue_cert(*names, common_name=common_name, **validity)
        self._made += 1
        pair = Pair(self._folder / f"{self._made}.pem", self._folder / f"{self._made}.key")
        pair.certificate.write_bytes(b"".join(blob.bytes() for blob in signed.cert_chain_pems))
        key = serialization.load_pem_private_key(signed.private_key_pem.bytes(), None)
        pair.key.touch(0o600)
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pair
