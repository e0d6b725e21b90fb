"""The institution's desk: a folder in which its own system finds requests, and leaves answers.

    requests/NUMBER.json            what is asked, and requests/NUMBER/ the documents and certificates
    answers/ANY.json                the institution's answer; its verdict is put beside it, as ANY.json.result.json
    outcomes/NUMBER.json            what the court's line said of the answer, or that the court took the request back

Everything here is the institution's to move away or to delete. Files are written whole, or not at all.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import orjson

from gateway.errors import Unavailable
from gateway.ways_in.folder import Folder, Found, Moved, Stamp, is_of, open_folder
from gateway.ways_in.whole_file import put_whole_at
from schemas.canonical import JsonObject
from schemas.line import Attachment

REQUESTS: Final = "requests"
ANSWERS: Final = "answers"
OUTCOMES: Final = "outcomes"
LARGEST_ANSWER: Final = 32 * 1024 * 1024  # bytes; a receipt may be in it
DRAFT: Final = ".fuyuan-draft.tmp"


@dataclass(frozen=True, slots=True)
class Answer:
    """A file of the institution. `value` is None where it holds no JSON object."""

    file: Found
    value: JsonObject | None = field(repr=False)
    digest: bytes


@dataclass(slots=True)
class Desk:
    """One folder for one line. Raises Unavailable (`folder-unreadable`, `result-unwritable`)."""

    path: Path
    waiting: int = 0  # answers that could not be read by the last look: half written, say
    _unfinished: dict[str, Stamp] = field(default_factory=dict)

    def open(self) -> None:
        """Make what is not there yet; nobody but its owner looks into what is made here."""
        with _writing():
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for part in (REQUESTS, ANSWERS, OUTCOMES):
                (self.path / part).mkdir(mode=0o700, exist_ok=True)

    def holds(self, number: str) -> bool:
        """Whether the request's file is there, and so all of it."""
        return (self.path / REQUESTS / f"{number}.json").is_file()

    def put_request(self, number: str, said: JsonObject, attachments: Sequence[Attachment]) -> None:
        """The documents first: who finds the request finds all of it."""
        folder = self.path / REQUESTS / number
        files: list[JsonObject] = []
        with _writing():
            folder.mkdir(mode=0o700, exist_ok=True)
            for place, one in enumerate(attachments, 1):
                name = f"{one.kind}-{place}.{one.suffix}"
                _put(folder / name, one.data)
                digest = hashlib.sha256(one.data).hexdigest()
                files.append({"kind": one.kind, "name": one.name, "file": f"{number}/{name}", "sha256": digest})
            _put(folder.with_name(f"{number}.json"), _json({**said, "files": [*files]}))

    def put_outcome(self, number: str, said: JsonObject) -> None:
        with _writing():
            _put(self.path / OUTCOMES / f"{number}.json", _json(said))

    def answers(self) -> Iterator[tuple[Folder, Answer]]:
        """Answers without a verdict of their own, oldest first. One that is no JSON yet has until the next look."""
        with open_folder(self.path / ANSWERS) as folder:
            files = folder.files()
            self.waiting = 0
            self._unfinished = {one.name: self._unfinished[one.name] for one in files if one.name in self._unfinished}
            for file in files:
                if is_of(folder.result(file.name), file.stamp):
                    continue
                self.waiting += 1
                with contextlib.suppress(Moved, PermissionError):
                    if (answer := self._read(folder, file)) is not None:
                        self.waiting -= 1
                        yield folder, answer

    def _read(self, folder: Folder, file: Found) -> Answer | None:
        if not file.plain or file.stamp.size > LARGEST_ANSWER:
            return Answer(file, None, b"")
        data = folder.read(file)
        digest = hashlib.sha256(data).digest()
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            seen = self._unfinished.get(file.name)
            self._unfinished[file.name] = file.stamp
            return Answer(file, None, digest) if seen == file.stamp else None
        return Answer(file, value if isinstance(value, dict) else None, digest)


def put_verdict(folder: Folder, answer: Answer, said: JsonObject) -> None:
    folder.put_result(answer.file.name, {"stamp": dict(asdict(answer.file.stamp)), **said})


def _json(value: JsonObject) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _put(path: Path, data: bytes) -> None:
    put_whole_at(path, DRAFT, data, 0o600)


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            "result-unwritable", f"The desk's folder cannot be written ({type(error).__name__})."
        ) from None
