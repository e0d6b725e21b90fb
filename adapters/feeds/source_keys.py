"""The keys by which a source itself names records, as a submission says them: with a record, or alone to delete it."""

from dataclasses import dataclass, field

from adapters.feeds.debtor import Refused
from schemas.canonical import JsonObject
from schemas.reading import Item, Rejected, Withdrawal
from schemas.record_id import record_id

NAME = "md5"  # by which update and delete lists name a record
WITHOUT_KEY = (
    "the delete list names a record by a key that is not known; send record id, or what the record is known by"
)
_SAID_ANEW = (
    "the key is deleted of a record whose newer version was refused; send that one right, or the deletion alone"
)
_NEITHER = ""  # in place of a record id: two records came under this key


@dataclass(slots=True)
class SourceKeys:
    """What was met so far in one submission. `refused`: ids that a refused record may have, after it was last taken."""

    feed: str
    record_key: bytes
    _named: dict[str, str] = field(default_factory=dict)
    _last: dict[str, str] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)

    def key(self, said: str) -> str:
        """What stands for a key of the source's own: it may be a digest of the record, and so tell what is in it."""
        return record_id(self.record_key, self.feed, "source key", said)

    def took(self, record: JsonObject, named: str) -> str | None:
        """What stands for the key that a record came with, if it did; `named` is the record's id."""
        self._refused.discard(named)
        said = record.get(NAME)
        if not isinstance(said, str) or not said:
            return None
        key = self.key(said)
        if self._named.setdefault(key, named) != named:
            self._named[key] = _NEITHER
        self._last[named] = key
        return key

    def refused(self, named: tuple[str, ...]) -> None:
        self._refused.update(named)

    def deletion(self, line: int, said: object, reason: str | None, raw: bytes) -> Item:
        """The withdrawal of the record that the key names here. A key of another submission's is for the journal.

        Raises `Refused` where there is no key.
        """
        if not isinstance(said, str) or not said:
            raise Refused("withdrawal-without-key", WITHOUT_KEY)
        key = self.key(said)
        named = self._named.get(key)
        if named is None:
            return Rejected(line, "withdrawal-without-key", WITHOUT_KEY, raw, key, reason)
        if named == _NEITHER:
            return Rejected(line, "withdrawal-without-key", WITHOUT_KEY, raw)
        if named in self._refused:
            return Rejected(line, "deleted-and-listed", _SAID_ANEW, raw)
        return Withdrawal(line, (named,), reason, raw, superseded=self._last[named] != key)
