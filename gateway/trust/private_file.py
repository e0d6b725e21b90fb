"""Whether a secret's file is its owner's alone."""

import os
from pathlib import Path
from typing import Final

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
