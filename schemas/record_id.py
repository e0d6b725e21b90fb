"""The name of a record: the same on every re-publication, and nothing can be guessed from it."""

import hmac
import re
from functools import lru_cache

from schemas.canonical import canonical

_FORM = re.compile("[a-z2-7]{52}")
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648 section 6, in lower case
_SHIFTS = tuple(range(250, -1, -10))
_PAIRS = [first + second for first in _BASE32 for second in _BASE32]  # two characters at once are ten bits


def record_id(key: bytes, feed: str, *parts: str) -> str:
    """Base32 (lower case, no padding) of HMAC-SHA256 under the provider's record key over canonical [feed, *parts].

    The parts are case number, kind and name, all normalised; of an order, kind and name of its first subject.
    """
    code = _keyed(key).copy()
    code.update(canonical([feed, *parts]))
    bits = int.from_bytes(code.digest()) << 4  # 256 bits and four of padding: 52 characters
    return "".join([_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


@lru_cache(maxsize=64)
def _keyed(key: bytes) -> hmac.HMAC:
    """The key's share of the work, done once for each provider."""
    return hmac.new(key, digestmod="sha256")


def is_record_id(text: str) -> bool:
    """Whether the text has the form of a record id."""
    return bool(_FORM.fullmatch(text))
