"""A folder that others put files into, and the result that is put beside each.

Whoever writes there is not trusted with this process's rights: names are looked up in the opened folder alone, nothing
is followed, and nothing but a regular file with this one name is read.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from gateway.errors import TooLarge, Unavailable
from gateway.ways_in.whole_file import put_whole
from schemas.canonical import JsonObject

RESULT = ".result.json"
UNFINISHED = (".part", ".partial", ".filepart", ".crdownload", ".download", ".tmp", ".temp", ".swp", "~")
LARGEST_FILE = 256 * 1024 * 1024  # bytes; it is read whole
LARGEST_RESULT = 4 * 1024 * 1024
LONGEST_NAME = 255  # bytes, on the file systems that are met
# The name is gone, or a link, a pipe or a device stands there now; any other error is the disk's, or the mount's.
NOT_THAT_FILE = frozenset({errno.ENOENT, errno.ELOOP, errno.ENXIO, errno.ENODEV})


class Moved(Exception):
    """The file is not the one that was listed: gone, replaced, or written to while it was read."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells a file from the one that had its name before."""

    inode: int
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Found:
    """`plain` is False for a link, a pipe, a device, or a file that has another name elsewhere."""

    name: str
    stamp: Stamp
    plain: bool


class Folder:
    """An open folder; every name is one in it. Raises Unavailable (`folder-unreadable`, `result-unwritable`)."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def files(self, marker: str | None = None) -> list[Found]:
        """What was put here, oldest first. With a `marker`, only files beside which NAME + marker stands."""
        found = []
        with _readable():
            with os.scandir(self._handle) as entries:
                names = {entry.name: entry for entry in entries}
            for name, entry in names.items():
                if not is_input(name) or (marker and (name.endswith(marker) or name + marker not in names)):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    info = entry.stat(follow_symlinks=False)
                    if not stat.S_ISDIR(info.st_mode):
                        found.append(Found(name, _stamp(info), _is_plain(info)))
        return sorted(found, key=lambda one: (one.stamp.mtime_ns, one.name))

    def read(self, file: Found) -> bytes:
        """The file's bytes. Raises Moved, TooLarge (`file-too-large`), PermissionError."""
        if file.stamp.size > LARGEST_FILE:
            raise TooLarge("file-too-large", f"The file has more than {LARGEST_FILE // 2**20} MiB; send it in parts.")
        with self._open(file.name) as handle:
            data = _read(handle, file.stamp.size + 1)
            info = os.fstat(handle)
            if not _is_plain(info) or _stamp(info) != file.stamp or len(data) != file.stamp.size:
                raise Moved
        return data

    def result(self, name: str) -> JsonObject | None:
        """What was said of the file with this name, or of another that had it before."""
        try:
            with self._open(result_name(name)) as handle:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    return None
                value = orjson.loads(_read(handle, LARGEST_RESULT))
        except (Moved, PermissionError, orjson.JSONDecodeError):
            return None
        return value if isinstance(value, dict) else None

    def put_result(self, name: str, document: JsonObject) -> None:
        """Whole or not at all: whoever reads results never meets half of one."""
        result, draft = result_name(name), draft_name(name)
        text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        try:
            put_whole(self._handle, result, draft, text, 0o640)
        except OSError as error:
            raise Unavailable(
                "result-unwritable", f"No result can be written into the folder ({type(error).__name__})."
            ) from None

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[int]:
        """Raises Moved, PermissionError, Unavailable."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe would wait for its writer
        try:
            handle = os.open(name, flags, dir_fd=self._handle)
        except PermissionError:
            raise
        except OSError as error:
            if error.errno in NOT_THAT_FILE:
                raise Moved from None
            raise _unreadable(error) from None
        try:
            with _readable():
                yield handle
        finally:
            os.close(handle)


@contextlib.contextmanager
def open_folder(path: Path) -> Iterator[Folder]:
    """Opened anew for each look: it may be a mount that comes and goes. Raises Unavailable (`folder-unreadable`)."""
    with _readable():
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Folder(handle)
    finally:
        os.close(handle)


class LocalFolder:
    """A folder of this machine, for those who wait for it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Threaded"]:
        """Raises Unavailable (`folder-unreadable`)."""
        with open_folder(self._path) as folder:
            yield Threaded(folder)


class Threaded:
    """An open folder whose disk others need not wait for."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def files(self, marker: str | None = None) -> list[Found]:
        return await asyncio.to_thread(self._folder.files, marker)

    async def read(self, file: Found) -> bytes:
        return await asyncio.to_thread(self._folder.read, file)

    async def result(self, name: str) -> JsonObject | None:
        return await asyncio.to_thread(self._folder.result, name)

    async def put_result(self, name: str, document: JsonObject) -> None:
        await asyncio.to_thread(self._folder.put_result, name, document)


def result_name(name: str) -> str:
    """Beside the file, under its name; under that name's digest where it would be too long."""
    beside = name + RESULT
    return (
        beside if len(os.fsencode(beside)) <= LONGEST_NAME else hashlib.sha256(os.fsencode(name)).hexdigest() + RESULT
    )


def draft_name(name: str) -> str:
    """Under which its result is written."""
    return f".fuyuan-{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.tmp"


def is_of(result: JsonObject | None, stamp: Stamp) -> bool:
    """Whether the result was written for the file with this stamp."""
    return result is not None and result.get("stamp") == asdict(stamp)


def is_input(name: str) -> bool:
    return not name.startswith((".", "~")) and not name.lower().endswith((RESULT, *UNFINISHED))


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Raises Unavailable (`folder-unreadable`)."""
    try:
        yield
    except OSError as error:
        raise _unreadable(error) from None


def _unreadable(error: OSError) -> Unavailable:
    return Unavailable("folder-unreadable", f"The folder cannot be read now ({type(error).__name__}).")


def _is_plain(info: os.stat_result) -> bool:
    return stat.S_ISREG(info.st_mode) and info.st_nlink == 1


def _stamp(info: os.stat_result) -> Stamp:
    return Stamp(info.st_ino, info.st_size, info.st_mtime_ns)


def _read(handle: int, most: int) -> bytes:
    parts = []
    while most > 0 and (part := os.read(handle, min(most, 2**20))):
        parts.append(part)
        most -= len(part)
    return b"".join(parts)
