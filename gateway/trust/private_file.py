"""Whether a secret's file is its owner's alone."""

import os
from pathlib import Path
from typing import Final

from gateway.errors import Broken

OTHERS: Final = 0o077
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"


def open_to_others(path: Path, mode: int) -> bool:
    """`mode` is the file's own, as stat gives it.

    A file that systemd hands to a service (LoadCredential) carries an access list for the service's user, which shows
    as a group that may read. Its folder lets nobody else in; no other folder is taken at its word.
    """
    handed = os.environ.get(CREDENTIALS)
    if handed and path.parent.resolve() == Path(handed).resolve():
        return False
    return bool(mode & OTHERS)


def read_secret(path: Path) -> str:
    """The one line in a file. Raises Broken (`secret-file-open`, `secret-file-damaged`)."""
    try:
        with path.open(encoding="utf-8") as file:
            if open_to_others(path, os.fstat(file.fileno()).st_mode):
                raise Broken("secret-file-open", f"{path.name} can be read by others; chmod 600 it.")
            secret = file.read().strip()
    except (OSError, UnicodeDecodeError):
        secret = ""
    if not secret:
        raise Broken("secret-file-damaged", f"{path.name} holds no secret that can be read.")
    return secret
