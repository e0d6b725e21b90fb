"""The agent's index: one LMDB environment that several processes read and one at a time writes (rule M7).

| database    | key                       | value                                                           |
| ----------- | ------------------------- | --------------------------------------------------------------- |
| standing    | contract                  | how far the list is applied, and whether it may be relied on     |
| terms       | contract                  | the signed contract                                             |
| records     | contract, record id      | a live record with its event, or a tombstone: the cause alone   |
| identifiers | contract, keyed hash     | record ids, one a duplicate                                     |
| names       | contract, keyed hash     | ids of records with a masked identifier, one a duplicate        |
| births      | contract, keyed hash     | record ids by name and birth date, one a duplicate              |
| pending     | contract, record id      | to be looked up in the agency's register: the trace it came by  |
| holds       | hold                      | whom it holds, and the records that support it                  |
| supports    | contract, record id      | holds, one a duplicate                                          |
| answers     | contract, reference      | a decision that was given, under a keyed hash of its request    |
| history     | contract, record id, cause| every version of a statement that came, with its event          |
| stated      | contract, keyed hash     | ids of all statements about a party, one a duplicate            |
| waivers     | contract, hash           | the reference of the application that used the waiver up        |
| feedback    | contract, reference      | what the agency said of a record, under its own number of it    |
| newest      | contract, record id, row | the reference of what was said last of it, or of that row of it |
| receipted   | contract, hash           | nothing: the receipt of this kind and key has been made         |
| orders      | number, 8 bytes           | what the agency's register is to be told                        |
| receipts    | number, 8 bytes           | signed receipts that are to be sent                             |
| aside       | number, 8 bytes           | a receipt that the gateway refused, with its code               |
| own         | word                      | what belongs to this index alone                                |

Keys that come from names and identifiers are keyed hashes under a key that never leaves the agency; a plain hash of an
identity number is no protection, since all of them can be tried.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

import lmdb
import orjson

from gateway.errors import Broken
from schemas.canonical import JsonObject

T = TypeVar("T")

FIRST_MAP_BYTES: Final = 1 << 30  # the file is sparse; the map doubles when it is full
KEY_BYTES: Final = 32
LAST_NUMBER: Final = b"last-number"  # the word under which it stands
MANY: Final = ("identifiers", "names", "births", "supports", "stated")  # several values a key
SINGLE: Final = (
    "standing", "terms", "records", "pending", "holds", "answers", "waivers", "receipted", "orders", "receipts",
    "aside", "own", "history", "feedback", "newest",
)  # fmt: skip


class View:
    """One transaction over the databases, for reading: what it shows does not change while it lasts."""

    __slots__ = ("_dbs", "_txn")

    def __init__(self, txn: "lmdb.Transaction[bytes]", dbs: "dict[str, lmdb._Database]") -> None:
        self._txn = txn
        self._dbs = dbs

    def value(self, db: str, key: bytes) -> bytes | None:
        return self._txn.get(key, db=self._dbs[db])

    def finder(self, db: str) -> Callable[[bytes], bool]:
        """Whether a key is there; for loops that ask very often, within the transaction."""
        return self._txn.cursor(self._dbs[db]).set_key

    def document(self, db: str, key: bytes) -> JsonObject | None:
        found = self._txn.get(key, db=self._dbs[db])
        return None if found is None else orjson.loads(found)

    def values(self, db: str, key: bytes) -> list[bytes]:
        """All values of a key in a database that has several."""
        with self._txn.cursor(self._dbs[db]) as cursor:
            return list(cursor.iternext_dup()) if cursor.set_key(key) else []

    def items(self, db: str, prefix: bytes = b"", after: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin with `prefix` and lie behind `after`, in order, each with its value."""
        with self._txn.cursor(self._dbs[db]) as cursor:
            if not cursor.set_range(max(prefix, after)):
                return
            for key, value in cursor:
                if not key.startswith(prefix):
                    return
                if key != after:
                    yield key, value

    def count(self, db: str) -> int:
        return int(self._txn.stat(self._dbs[db])["entries"])


class Change(View):
    """One write transaction: all of it stands afterwards, or none."""

    __slots__ = ()

    def put(self, db: str, key: bytes, value: bytes = b"") -> None:
        self._txn.put(key, value, db=self._dbs[db])

    def put_document(self, db: str, key: bytes, document: JsonObject) -> None:
        self._txn.put(key, orjson.dumps(document), db=self._dbs[db])

    def delete(self, db: str, key: bytes, value: bytes = b"") -> None:
        """Take away a key, or one of its values."""
        self._txn.delete(key, value, db=self._dbs[db])

    def append(self, db: str, document: JsonObject) -> int:
        """Put a document at the end of a numbered database. Its number is greater than any that was given before."""
        number = int.from_bytes(self.value("own", LAST_NUMBER) or b"") + 1
        self.put("own", LAST_NUMBER, number.to_bytes(8))
        self.put_document(db, number.to_bytes(8), document)
        return number


class Index:
    """The environment in a directory of its own. Open it once in a process, and after a fork open it anew.

    Raises Broken (`index-damaged`) where the files are not an index of ours.
    """

    def __init__(self, directory: Path, *, map_bytes: int = FIRST_MAP_BYTES) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.directory = directory
        self.key = _own_key(directory / "index.key")
        self._gate = _Gate()
        try:
            self._env = lmdb.open(
                str(directory / "index"),
                map_size=map_bytes,
                max_dbs=len(MANY) + len(SINGLE),
                mode=0o600,
                readahead=False,
                max_spare_txns=4,
            )
            many = {name: self._open_db(name, several=True) for name in MANY}
            self.dbs = many | {name: self._open_db(name, several=False) for name in SINGLE}
            self.identity = self.write(_own_name)
        except lmdb.Error as error:
            raise Broken(
                "index-damaged", f"The index cannot be opened ({type(error).__name__}); rebuild it from the gateway."
            ) from None

    def close(self) -> None:
        self._env.close()

    @contextmanager
    def read(self) -> Iterator[View]:
        with self._transaction(write=False) as txn:
            yield View(txn, self.dbs)

    def write(self, work: Callable[[Change], T]) -> T:
        """Do `work` in one transaction. It is done anew where the map was too small, so it must touch nothing else."""
        while True:
            try:
                with self._transaction(write=True) as txn:
                    return work(Change(txn, self.dbs))
            except lmdb.MapFullError:
                self._gate.alone(lambda: self._env.set_mapsize(2 * self._env.info()["map_size"]))

    def last_number(self) -> int:
        """The number of what was last appended to a numbered database, by whichever process; 0 before the first."""
        with self.read() as view:
            return int.from_bytes(view.value("own", LAST_NUMBER) or b"")

    def _open_db(self, name: str, *, several: bool) -> "lmdb._Database":
        while True:
            try:
                return self._env.open_db(name.encode(), dupsort=several)
            except lmdb.MapResizedError:
                self._env.set_mapsize(0)  # another process has made the map larger since it was opened

    @contextmanager
    def _transaction(self, *, write: bool) -> "Iterator[lmdb.Transaction[bytes]]":
        while True:
            with self._gate.entered():
                try:
                    txn = self._env.begin(write=write)
                except lmdb.MapResizedError:
                    pass  # another process has made the map larger
                else:
                    with txn:
                        yield txn
                    return
            self._gate.alone(lambda: self._env.set_mapsize(0))


class _Gate:
    """Lets transactions of all threads pass, and a change of the map size only while there is none (LMDB's rule)."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._closed = False

    @contextmanager
    def entered(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                if self._closed:
                    self._changed.notify_all()

    def alone(self, work: Callable[[], None]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._closed = True
            self._changed.wait_for(lambda: not self._inside)
            try:
                work()
            finally:
                self._closed = False
                self._changed.notify_all()


def _own_name(change: Change) -> str:
    """A name that no other index has, so that operations of a rebuilt one are not taken for those of the old."""
    name = change.value("own", b"name")
    if name is None:
        name = os.urandom(8).hex().encode()
        change.put("own", b"name", name)
    return name.decode()


def _own_key(path: Path) -> bytes:
    """The 32-byte key of the index's keyed hashes, made at the first start; only its owner may read it."""
    if not path.exists():
        made = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(os.urandom(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first, and its key stands
            path.hardlink_to(made)
        made.unlink()
    key = path.read_bytes()
    if len(key) != KEY_BYTES or path.stat().st_mode & 0o077:
        raise Broken("index-key", f"{path.name} must hold {KEY_BYTES} bytes that its owner alone may read.")
    return key
