"""This machine itself: what stays on it needs no encryption."""

from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def is_in_the_clear(url: str) -> bool:
    """Whether anybody on the way to that address could read and change what goes there."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname not in LOOPBACK
