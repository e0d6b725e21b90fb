"""The gateway's own secrets, each in a file of its own (mode 0600), made when a journal is begun.

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
SECRETS = ("vault.key", "records.key")
KEY_FILES = ("signing.jwk", *SECRETS)


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


def load_keyring(directory: Path, party: str, clock: Clock, *, make: bool = False) -> Keyring:
    """Read the key files, and `make` those that are missing, or raise Broken (`key-file-missing`). Raises Broken, too,
    where a file is not what it should be.
    """
    signing = directory / "signing.jwk"
    if make:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not signing.exists():
            SigningKey.generate(party, clock.now()).save(signing)
        for name in SECRETS:
            _make_secret(directory / name)
    for name in KEY_FILES:
        if not (directory / name).exists():
            raise Broken(
                "key-file-missing",
                f"{name} is not in key_dir, and the journal was begun with one; point key_dir at the right folder, or "
                "restore it from the backup.",
            )
    key = SigningKey.load(signing)
    if key.party != party:
        raise Broken(
            "key-of-another", f"{signing.name} belongs to another party; point key_dir at this gateway's own keys."
        )
    vault, records = (_read_secret(directory / name) for name in SECRETS)
    return Keyring(key, Vault(vault), records)


def _read_secret(path: Path) -> bytes:
    """32 bytes in a file that only its owner may read."""
    if open_to_others(path, path.stat().st_mode):
        raise Broken("key-file-open", f"{path.name} can be read by others; chmod 600 it.")
    data = path.read_bytes()
    if len(data) != SECRET_BYTES:
        raise Broken("key-file-damaged", f"{path.name} does not hold 32 bytes; restore it from the backup.")
    return data


def _make_secret(path: Path) -> None:
    """32 random bytes, unless the file is there."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(os.urandom(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
