"""A folder on another machine, by SFTP: taken from and answered into as a folder of this one.

The server is known by its key, which the operator has put into a file; no key is ever learnt from the line. Names are
looked up in the one folder. What the server's own links lead to is the server's affair, but for what is a link itself.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import unquote, urlsplit

import asyncssh
import orjson

from gateway.errors import Broken, Refused, TooLarge, Unavailable
from gateway.trust.private_file import open_to_others, read_secret
from gateway.ways_in.folder import (
    LARGEST_FILE,
    LARGEST_RESULT,
    Found,
    Moved,
    Stamp,
    draft_name,
    is_input,
    result_name,
)
from schemas.canonical import JsonObject

T = TypeVar("T")

CONNECT_SECONDS, ANSWER_SECONDS, READ_SECONDS = 30, 60, 900
KEEPALIVE_SECONDS = 15
RESULT_MODE = 0o640
MOST_ENTRIES = 100_000  # of the folder, with results

logging.getLogger("asyncssh").setLevel(logging.WARNING)  # below it tells each step of each look


@dataclass(frozen=True, slots=True)
class SftpFolder:
    """Opened anew for each look. `identity` is the file of a private key."""

    host: str
    port: int
    user: str
    path: str
    host_keys: Path
    identity: Path | None = None
    password: str | None = field(default=None, repr=False)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["OpenSftp"]:
        """Raises Refused (`sftp-host-key`, `sftp-login`, `sftp-settings`), Unavailable (`sftp-away`, `sftp-silent`)."""
        known = _host_keys(self.host_keys)
        try:
            connection = await asyncssh.connect(
                self.host,
                self.port,
                username=self.user,
                known_hosts=known,
                x509_trusted_certs=None,  # a certificate of some authority of this machine's names no server here
                x509_trusted_cert_paths=[],
                client_keys=[str(self.identity)] if self.identity else None,
                password=self.password,
                agent_path=None,
                config=None,
                connect_timeout=CONNECT_SECONDS,
                login_timeout=CONNECT_SECONDS,
                keepalive_interval=KEEPALIVE_SECONDS,
            )
            try:
                yield OpenSftp(await _within(connection.start_sftp_client(), ANSWER_SECONDS), self.path)
            finally:
                connection.abort()  # a server that says nothing would be waited for
                await connection.wait_closed()
        except asyncssh.HostKeyNotVerifiable:
            reason = "The server's key is not the one in --host-keys: another machine answers, or it has a new key."
            raise Refused("sftp-host-key", reason) from None
        except asyncssh.PermissionDenied:
            raise Refused("sftp-login", "The server does not let this user in with this key or password.") from None
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
            raise Refused(
                "sftp-settings", "The identity is no private key that can be read without a phrase."
            ) from None
        except (asyncssh.Error, OSError) as error:
            raise Unavailable("sftp-away", f"The server does not answer ({type(error).__name__}).") from None


class OpenSftp:
    """As gateway.ways_in.folder.Folder; names are bytes on the other side."""

    def __init__(self, client: asyncssh.SFTPClient, path: str) -> None:
        self._client, self._path = client, os.fsencode(path)

    async def files(self, marker: str | None = None) -> list[Found]:
        """Raises Unavailable (`folder-unreadable`, `folder-too-full`, `sftp-silent`)."""
        try:
            entries = await _within(self._entries(), ANSWER_SECONDS)
        except asyncssh.SFTPError as error:
            raise Unavailable("folder-unreadable", f"The folder cannot be listed ({type(error).__name__}).") from None
        names = {os.fsdecode(name): attrs for name, attrs in entries}
        found = []
        for name, attrs in names.items():
            if "/" in name or not is_input(name) or attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
                continue
            if marker and (name.endswith(marker) or name + marker not in names):
                continue
            found.append(Found(name, _stamp(attrs), attrs.type == asyncssh.FILEXFER_TYPE_REGULAR))
        return sorted(found, key=lambda one: (one.stamp.mtime_ns, one.name))

    async def read(self, file: Found) -> bytes:
        """Raises Moved, TooLarge (`file-too-large`), PermissionError, Unavailable (`sftp-silent`)."""
        if file.stamp.size > LARGEST_FILE:
            raise TooLarge("file-too-large", f"The file has more than {LARGEST_FILE // 2**20} MiB; send it in parts.")
        try:
            data = await _within(self._content(file.name, file.stamp.size + 1), READ_SECONDS)
            attrs = await _within(self._client.lstat(self._at(file.name)), ANSWER_SECONDS)
        except asyncssh.SFTPPermissionDenied:
            raise PermissionError from None
        except asyncssh.SFTPConnectionLost:
            raise
        except asyncssh.SFTPError:
            raise Moved from None
        plain = attrs.type == asyncssh.FILEXFER_TYPE_REGULAR
        if not plain or _stamp(attrs) != file.stamp or len(data) != file.stamp.size:
            raise Moved
        return data

    async def result(self, name: str) -> JsonObject | None:
        try:
            value = orjson.loads(await _within(self._content(result_name(name), LARGEST_RESULT), ANSWER_SECONDS))
        except asyncssh.SFTPConnectionLost:
            raise
        except (asyncssh.SFTPError, orjson.JSONDecodeError):
            return None
        return value if isinstance(value, dict) else None

    async def put_result(self, name: str, document: JsonObject) -> None:
        """Whole or not at all. Raises Unavailable (`result-unwritable`, `sftp-silent`)."""
        result, draft = self._at(result_name(name)), self._at(draft_name(name))
        text = orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        try:
            await _within(self._put(result, draft, text), ANSWER_SECONDS)
        except asyncssh.SFTPConnectionLost:
            raise
        except asyncssh.SFTPError as error:
            raise Unavailable(
                "result-unwritable", f"No result can be written into the folder ({type(error).__name__})."
            ) from None

    async def _entries(self) -> list[tuple[bytes, asyncssh.SFTPAttrs]]:
        """Raises Unavailable (`folder-too-full`): a listing that has no end would take all memory."""
        found: list[tuple[bytes, asyncssh.SFTPAttrs]] = []
        async for entry in self._client.scandir(self._path):
            if len(found) == MOST_ENTRIES:
                raise Unavailable("folder-too-full", f"The folder has more than {MOST_ENTRIES:,} entries; empty it.")
            found.append((os.fsencode(entry.filename), entry.attrs))
        return found

    async def _put(self, result: bytes, draft: bytes, text: bytes) -> None:
        with contextlib.suppress(asyncssh.SFTPNoSuchFile):
            await self._client.remove(draft)  # of a run that was killed
        async with self._client.open(draft, "xb", asyncssh.SFTPAttrs(permissions=RESULT_MODE)) as out:
            await out.write(text)
        try:
            await self._client.posix_rename(draft, result)
        except asyncssh.SFTPOpUnsupported:  # a server that never renames over what is there
            with contextlib.suppress(asyncssh.SFTPNoSuchFile):
                await self._client.remove(result)
            await self._client.rename(draft, result)

    async def _content(self, name: str, most: int) -> bytes:
        async with self._client.open(self._at(name), "rb") as file:
            data: bytes = await file.read(most)
        return data

    def _at(self, name: str) -> bytes:
        return self._path.rstrip(b"/") + b"/" + os.fsencode(name)


def sftp_folder(url: str, host_keys: Path, identity: Path | None, password_file: Path | None) -> SftpFolder:
    """Raises Refused (`sftp-settings`), Broken (`secret-file-open`, `secret-file-damaged`)."""
    parts = urlsplit(url)
    try:
        port = parts.port or 22
    except ValueError:
        port = 0
    if parts.scheme != "sftp" or not parts.hostname or not parts.username or not port or not parts.path.strip("/"):
        raise Refused("sftp-settings", "Give the folder as sftp://user@host/folder, with :port where it is not 22.")
    if parts.password is not None:
        raise Refused("sftp-settings", "No password in the address: put it into a file, --password-file.")
    if (identity is None) == (password_file is None):
        raise Refused("sftp-settings", "Log in with a key, --identity, or with a password, --password-file.")
    if identity is not None and open_to_others(identity, identity.stat().st_mode):
        raise Broken("secret-file-open", f"{identity.name} can be read by others; chmod 600 it.")
    password = None if password_file is None else read_secret(password_file)
    user, path = unquote(parts.username), unquote(parts.path)
    return SftpFolder(parts.hostname, port, user, path, host_keys, identity, password)


def _host_keys(file: Path) -> asyncssh.SSHKnownHosts:
    """Raises Refused (`sftp-settings`)."""
    try:
        return asyncssh.read_known_hosts(str(file))
    except (ValueError, OSError, asyncssh.KeyImportError):
        raise Refused("sftp-settings", "The file of --host-keys is none that can be read as known_hosts is.") from None


def _stamp(attrs: asyncssh.SFTPAttrs) -> Stamp:
    """SFTP tells no inode, and times to the second."""
    return Stamp(0, attrs.size or 0, (attrs.mtime or 0) * 10**9)


async def _within(call: Awaitable[T], seconds: float) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await call
    except TimeoutError:
        raise Unavailable("sftp-silent", f"The server has not answered within {seconds:g} seconds.") from None
