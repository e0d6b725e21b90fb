"""Bearer tokens: for operators at the gateway, and for the agency's own systems at its agent."""

import hmac
import os
import secrets
from pathlib import Path

from fastapi import Request

from gateway.errors import Broken, Unauthenticated
from gateway.trust.private_file import open_to_others

TOKEN_BYTES = 32


def read_token(path: Path) -> str:
    """Raises Broken (`token-file-damaged`)."""
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        token = ""
    if not token:
        raise Broken("token-file-damaged", f"{path.name} holds no token that can be read.")
    return token


def own_token(path: Path) -> str:
    """The token in the file; a fresh one, in a file that only its owner may read, where there is none yet.

    Raises Broken where others may read it, or it holds none.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if open_to_others(path, path.stat().st_mode):
            raise Broken("token-file-open", f"{path.name} can be read by others; chmod 600 it.") from None
        return read_token(path)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token + "\n")
    return token


def check_bearer(request: Request, token: str, *, whose: str) -> None:
    """Raises Unauthenticated (`token-wrong`)."""
    given = request.headers.get("authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        raise Unauthenticated("token-wrong", f"Send {whose} bearer token.")
