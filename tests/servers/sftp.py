"""A real SFTP server over a folder of this machine, with a key of its own and one user, by key or by password."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

USER, PASSWORD = "court", "a password for this test"


@dataclass
class Sftp:
    """`host_keys`, `identity`, `password`: files that a client is given. `silent`: it takes calls, says nothing."""

    folder: Path
    url: str
    host_keys: Path
    identity: Path
    password: Path
    silent: bool = False
    old: bool = False  # it never renames over what is there, as servers of version 3 without extensions
    logins: list[str] = field(default_factory=list)


class _Login(asyncssh.SSHServer):
    def __init__(self, server: Sftp, key: asyncssh.SSHKey) -> None:
        self._server, self._key = server, key.convert_to_public()

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - the library's signature
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._server.logins.append("key")
        return username == USER and key == self._key

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._server.logins.append("password")
        return (username, password) == (USER, PASSWORD)


def _files(server: Sftp) -> type[asyncssh.SFTPServer]:
    class Files(asyncssh.SFTPServer):
        def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
            super().__init__(channel, chroot=str(server.folder).encode())

        async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
            while server.silent:  # noqa: ASYNC110 - a test sets it
                await asyncio.sleep(0.05)
            return super().open(path, pflags, attrs)

        def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
            if server.old:
                raise asyncssh.SFTPOpUnsupported("no such extension")
            return super().posix_rename(oldpath, newpath)

    return Files


@asynccontextmanager
async def sftp_server(home: Path) -> AsyncIterator[Sftp]:
    """`home` gets the served folder, `out` in it, and the client's files."""
    host_key, client_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    folder = home / "served"
    (folder / "out").mkdir(parents=True)
    server = Sftp(folder, "", home / "known_hosts", home / "id_ed25519", home / "password")
    client_key.write_private_key(server.identity)
    server.password.write_text(PASSWORD + "\n", encoding="utf-8")
    for secret in (server.identity, server.password):
        secret.chmod(0o600)
    acceptor = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_host_keys=[host_key],
        server_factory=lambda: _Login(server, client_key),
        sftp_factory=_files(server),
    )
    async with acceptor:
        port = acceptor.get_port()
        server.url = f"sftp://{USER}@127.0.0.1:{port}/out"
        public = host_key.export_public_key().decode()
        server.host_keys.write_text(f"[127.0.0.1]:{port} {public}", encoding="ascii")
        try:
            yield server
        finally:
            server.silent = False
