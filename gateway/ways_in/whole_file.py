"""A file in a folder that others read: put there whole or not at all, and never through a link."""

import contextlib
import os
from pathlib import Path


def put_whole_at(path: Path, draft: str, content: bytes, mode: int) -> None:
    """As `put_whole`, in the folder that the path names. Raises OSError."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        put_whole(folder, path.name, draft, content, mode)
    finally:
        os.close(folder)


def put_whole(folder: int, name: str, draft: str, content: bytes, mode: int) -> None:
    """Replace the file `name`. `folder` is an open one, `draft` the name while it is written. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(draft, dir_fd=folder)  # of a run that was killed
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode, dir_fd=folder)
    with os.fdopen(handle, "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(handle)
    os.replace(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    os.fsync(folder)
