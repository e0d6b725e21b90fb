"""The name of a record: the same on every re-publication, and nothing can be guessed from it."""

import base64
import hashlib
import hmac
import re

from schemas.canonical import canonical

_FORM = re.compile("[a-z2-7]{52}")


def record_id(key: bytes, feed: str, *parts: str) -> str:
    """Base32 (lower case, no padding) of HMAC-SHA256 under the provider's record key over canonical [feed, *parts].

    For `dishonest-debtor` the parts are case number, kind and name, all normalised.
    """
    digest = hmac.digest(key, canonical([feed, *parts]), hashlib.sha256)
    return base64.b32encode(digest).decode().rstrip("=").lower()


def is_record_id(text: str) -> bool:
    """Whether the text has the form of a record id."""
    return bool(_FORM.fullmatch(text))
