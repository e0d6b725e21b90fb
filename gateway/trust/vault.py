"""The vault: what must be forgettable or stay closed is stored under one key that lies apart from the database.

It wraps record secrets (S3), raw records and the salts of submission commitments (S5). AES-256-GCM with a random
nonce of 96 bits: NIST SP 800-38D section 8.3 allows 2**32 wraps under one key.
"""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import Broken

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
PURPOSE: Final = b"fuyuan/vault/1"


class Vault:
    """Wraps and unwraps under a key of 32 bytes. Raises ValueError for a key of another length."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("the vault's key is 32 bytes")
        self._cipher = AESGCM(key)

    def wrap(self, data: bytes) -> bytes:
        """28 bytes longer than `data`."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, PURPOSE)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Raises `Broken` where it was not wrapped under this key, or was changed."""
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], PURPOSE)
        except (InvalidTag, ValueError):
            raise Broken(
                "vault-key-wrong", "The database and vault.key do not belong together; restore the key from the backup."
            ) from None
