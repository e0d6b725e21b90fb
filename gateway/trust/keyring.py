"""The gateway's own secrets, each in a file of its own (mode 0600) that is made at the first start.

signing.jwk     seals batches, runs, checkpoints, heartbeats, statements
vault.key       wraps record secrets, raw records and openings (S3, S5)
records.key     root of each provider's record key; never rotated, or record ids would change
"""

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path

from gateway.clock import Clock
from gateway.errors import Broken
from gateway.trust.keys import SigningKey
from gateway.trust.private_file import open_to_others
from gateway.trust.vault import Vault

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keyring:
    """Its repr tells nothing of the secrets. `record_root`: 32 bytes."""

    signing: SigningKey
    vault: Vault
    record_root: bytes = field(repr=False)

    def record_key(self, provider: str) -> bytes:
        """The 32-byte key under which a provider's record ids are made."""
        return hmac.digest(self.record_root, b"fuyuan/record-id/1" + provider.encode(), "sha256")

    def content_mac(self, data: bytes) -> bytes:
        """A keyed fingerprint (32 bytes): equal content shows, the content does not."""
        return hashlib.blake2b(data, key=self.record_root, digest_size=32, person=b"fuyuan/content/1").digest()


def load_keyring(directory: Path, party: str, clock: Clock) -> Keyring:
    """Read the key files, making those that are missing. Raises Broken where a file is not what it should be."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    signing = directory / "signing.jwk"
    if signing.exists():
        key = SigningKey.load(signing)
    else:
        key = SigningKey.generate(party, clock.now())
        key.save(signing)
    if key.party != party:
        raise Broken(
            "key-of-another", f"{signing.name} belongs to another party; point key_dir at this gateway's own keys."
        )
    return Keyring(key, Vault(_secret(directory / "vault.key")), _secret(directory / "records.key"))


def _secret(path: Path) -> bytes:
    """32 random bytes kept in a file that only its owner may read."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if open_to_others(path, path.stat().st_mode):
            raise Broken("key-file-open", f"{path.name} can be read by others; chmod 600 it.") from None
        data = path.read_bytes()
        if len(data) != SECRET_BYTES:
            raise Broken(
                "key-file-damaged", f"{path.name} does not hold 32 bytes; restore it from the backup."
            ) from None
        return data
    data = os.urandom(SECRET_BYTES)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return data
