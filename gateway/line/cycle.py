"""The cycle of a court's query-and-control line (查控), one look at a time.

    answers at the desk -> poll -> documents by number -> the request at the desk        -> outcomes at the desk
                                -> returned, where it cannot be carried out -> feedback /

A request number is answered once. What is to be sent is written down before it is sent, and stays the same bytes: a run
killed anywhere sends them again, and a court that asks again gets them again. One bad item stops no other.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Protocol

import orjson
import structlog

from gateway.clock import Clock, stamp
from gateway.errors import Unavailable
from gateway.line.desk import Answer, Desk, put_verdict
from gateway.line.kept import Kept, Requests
from gateway.ways_in.folder import Folder
from schemas.canonical import JsonObject
from schemas.line import KINDS, Attachment, Call, Kind, Line, LineFault, Poll, Request, Rollback, Unread

log = structlog.get_logger(__name__)

LONGEST_WAIT: Final = timedelta(minutes=15)
ALARM_TRIES: Final = 8  # an hour of them, and from then on each hour
ALARM_AFTER: Final = timedelta(hours=1)
AGAIN_AFTER: Final = timedelta(minutes=10)  # a list may lag behind what was fed
# What is wrong with the request itself, and not with the hour, where it stays so: it is returned to the court. A court
# whose store of documents is out says the same, of every request.
WANTING_FOR: Final = timedelta(minutes=90)
NOT_CARRIED: Final = frozenset({"document-missing", "document-differs", "certificate-missing"})
CODING: Final = frozenset({"base64-broken", "text-broken"})  # and what may be the way's fault: it is never
RETURNED: Final = "returned"
AWAY: Final = "line-away"


class Caller(Protocol):
    """The court's service."""

    async def call(self, call: Call) -> str: ...


@dataclass(slots=True)
class Cycle:
    """`every`: how long to wait before a request is tried again at first. `keep_days`: for how long words are kept."""

    line: Line
    court: Caller
    desk: Desk
    kept: Requests
    clock: Clock
    every: timedelta = timedelta(seconds=30)
    keep_days: int = 180
    counts: Counter[str] = field(default_factory=Counter)
    _met: dict[Kind, set[bytes]] = field(default_factory=dict)

    async def look(self) -> None:
        """Everything that can be done now.

        Raises Unavailable: `line-away` where nobody answers, `line-error` where a list could not be read,
        `result-unwritable` where a file could not be put at the desk. Whatever is in trouble holds up nothing else.
        """
        self.desk.open()
        self.kept.forget(self.clock.now(), self.keep_days)
        trouble: list[Unavailable] = []
        self._take_answers(trouble)
        polls: list[Unavailable] = []
        try:
            for kind in KINDS:
                with _noted(polls):
                    await self._poll(kind)
            if [one.code for one in polls] != [AWAY] * len(KINDS):
                with _noted(trouble):
                    await self._send()  # first: the court waits for it, and documents may be slow
                with _noted(trouble):
                    await self._hand_over(trouble)
        finally:
            self._tell(trouble)
        if polls or trouble:
            raise [*polls, *trouble][0]

    # --- requests --------------------------------------------------------------------------------------------------

    async def _poll(self, kind: Kind) -> None:
        """Raises Unavailable."""
        try:
            poll = self.line.read_poll(kind, await self.court.call(self.line.poll(kind)))
        except LineFault as fault:
            self.counts["unreadable-list"] += 1
            log.error("line-unreadable", kind=kind, code=fault.code)  # noqa: TRY400 - its frames say nothing
            raise Unavailable(
                "line-error", "The court's line answers with an error; see the log for its code."
            ) from None
        with self.kept.transaction():
            self._note(kind, poll)

    def _note(self, kind: Kind, poll: Poll) -> None:
        now = self.clock.now()
        for request in poll.requests:
            known = self.kept.get(request.number)
            if known is None:
                self.kept.add(request.number, kind, request.digest, request.fields, now)
                self.counts["requests"] += 1
            elif known.unread and known.kind == kind:  # whole this time
                self.kept.read(request.number, request.digest, request.fields)
                self.counts["requests"] += 1
            else:
                self._asked_again(known, kind, request.digest)
        for item in poll.unread:
            self._note_unread(kind, item)
        self._met[kind] = {item.digest for item in poll.unread if item.number is None}
        for back in poll.rollbacks:
            self._roll_back(kind, back)

    def _note_unread(self, kind: Kind, item: Unread) -> None:
        """It is returned where another poll brings the same; what may be the way's fault alone is only asked anew."""
        now, number, code = self.clock.now(), item.number, item.fault.code
        known = None if number is None else self.kept.get(number)
        if known is not None and not known.unread:
            if known.digest == item.digest:
                self._asked_again(known, kind, item.digest)
            return
        self.counts["unread"] += 1
        if number is None:
            if item.digest not in self._met.get(kind, set()):  # every poll brings it again
                log.error("request-unreadable", kind=kind, code=code)
        elif known is None or known.digest != item.digest:
            log.error("request-unreadable", kind=kind, code=code)
            if known is None:
                self.kept.add(number, kind, item.digest, None, now)
            else:
                self.kept.read(number, item.digest, None)
            self.kept.mark(number, code, now)
        elif known.since is not None and known.since < now:
            if code not in CODING:
                self._return(known, item.fault)
            elif known.since <= now - ALARM_AFTER:
                log.error("alarm", code=code, kind=kind)
                self.kept.mark(number, code, now)

    def _asked_again(self, known: Kept, kind: Kind, digest: bytes) -> None:
        self.counts["asked-again"] += 1
        if known.state == "rolled-back":  # whatever it asks for, and even where it was not seen before
            return
        if known.digest != digest or known.kind != kind:  # what stands stays: it may be carried out already
            if known.trouble is None:
                log.error("alarm", code="request-differs", kind=kind)
                self.kept.mark(known.number, "request-differs", self.clock.now())
        elif known.state == "fed" and known.feedback is not None:
            self.kept.again(known.number, self.clock.now(), AGAIN_AFTER)

    def _roll_back(self, kind: Kind, back: Rollback) -> None:
        known, now = self.kept.get(back.number), self.clock.now()
        if known is not None and known.state == "rolled-back":
            return
        self.counts["rolled-back"] += 1
        words = "；".join(filter(None, (back.reason, back.note, back.by, back.phone)))
        late = known is not None and known.answer is not None  # the institution's; not a return of our own
        if known is None:  # ahead of its request, which is never to be carried out
            log.error("alarm", code="unknown-request", kind=kind)
            self.kept.add(back.number, kind, b"", None, now)
        self.kept.ended(
            back.number, "rolled-back", now, code="rolled-back-late" if late else "rolled-back", message=words
        )
        if known is None:
            self.kept.mark(back.number, "unknown-request", now)

    async def _hand_over(self, trouble: list[Unavailable]) -> None:
        """Raises Unavailable where the court does not answer."""
        for kept in self.kept.due("asked", self.clock.now()):
            if kept.fields is None:  # not read yet
                continue
            if self.desk.holds(kept.number):  # a run was killed before it wrote so down: twice may be carried out twice
                self.kept.handed(kept.number)
                continue
            request = Request(kept.number, kept.kind, kept.digest, kept.fields)
            try:
                attachments = await self._attachments(request)
            except LineFault as fault:
                if fault.code in NOT_CARRIED and self._stays(kept, fault.code):
                    with self.kept.transaction():
                        self._return(kept, fault)
                else:
                    self._postpone(kept, fault.code)
                continue
            except Unavailable as error:
                self._postpone(kept, error.code)  # behind the others, should it be its size that nothing comes through
                raise
            said: JsonObject = {"number": kept.number, "kind": kept.kind, "request": kept.fields}
            try:
                self.desk.put_request(kept.number, {**said, "at": stamp(self.clock.now())}, attachments)
            except Unavailable as error:
                self._postpone(kept, error.code)
                trouble.append(error)
                continue
            self.kept.handed(kept.number)
            self.counts["handed"] += 1

    async def _attachments(self, request: Request) -> list[Attachment]:
        documents = self.line.read_documents(await self.court.call(self.line.documents(request)))
        return documents + self.line.read_certificates(await self.court.call(self.line.certificates(request)))

    def _return(self, kept: Kept, fault: LineFault) -> None:
        """A request that cannot be carried out goes back by itself, with the code and the field in the note."""
        back = Rollback(kept.number, "", note=f"{fault.code} {fault.field}".strip())
        now = self.clock.now()
        try:
            call = self.line.rollback(Request(kept.number, kept.kind, kept.digest, kept.fields or {}), back, now)
        except LineFault as cannot:  # it has a value that the far side would not read back
            self._postpone(kept, cannot.code)
            return
        self.counts[RETURNED] += 1
        log.error("request-returned", kind=kept.kind, code=fault.code)
        self.kept.answered(kept.number, call, now, code=fault.code)

    def _stays(self, kept: Kept, code: str) -> bool:
        """Whether each try for so long had this trouble."""
        return kept.trouble == code and kept.since is not None and kept.since <= self.clock.now() - WANTING_FOR

    def _postpone(self, kept: Kept, code: str) -> None:
        self.counts["postponed"] += 1
        attempt = kept.tries + 1
        log.error("line-waits", kind=kept.kind, code=code, attempt=attempt)
        if attempt >= ALARM_TRIES and attempt % 4 == 0:
            log.error("alarm", code=code, kind=kept.kind)
        wait = min(LONGEST_WAIT, self.every * 2 ** min(kept.tries, 10))
        now = self.clock.now()
        self.kept.postpone(kept.number, code, now, now + wait)

    # --- answers ---------------------------------------------------------------------------------------------------

    def _take_answers(self, trouble: list[Unavailable]) -> None:
        """Raises Unavailable (`folder-unreadable`)."""
        for folder, answer in self.desk.answers():
            try:
                said: JsonObject = {"verdict": "taken", "number": self._take(answer)}
            except LineFault as fault:
                said = {"verdict": "refused", "code": fault.code, "field": fault.field}
                self.counts["refused"] += 1
                log.error("answer-refused", code=fault.code)  # noqa: TRY400 - its frames say nothing
            with _noted(trouble):
                self._verdict(folder, answer, said)
        if self.desk.waiting:
            self.counts["unfinished"] += self.desk.waiting

    def _verdict(self, folder: Folder, answer: Answer, said: JsonObject) -> None:
        put_verdict(folder, answer, {**said, "at": stamp(self.clock.now())})

    def _take(self, answer: Answer) -> str:
        """Raises LineFault. The same answer again is taken again, and changes nothing."""
        value = answer.value
        number = None if value is None else value.get("number")
        if value is None or not isinstance(number, str):
            raise LineFault("answer-unreadable")
        digest = _digest(value)
        known = self.kept.get(number)
        if known is None or known.unread:
            raise LineFault("unknown-request")
        if known.answer == digest and known.state != "failed":
            return number
        if known.state == "rolled-back":
            raise LineFault("request-rolled-back")
        # `asked` too: a run that was killed may have put it at the desk and not have written so down.
        if known.fields is None or known.state not in {"asked", "handed", "failed"}:
            raise LineFault("already-answered")
        call = self._feedback(Request(number, known.kind, known.digest, known.fields), value)
        self.kept.answered(number, call, self.clock.now(), answer=digest)
        self.counts["answers"] += 1
        return number

    def _feedback(self, request: Request, value: JsonObject) -> Call:
        if not value.keys() <= {"number", "rows", "receipt", RETURNED}:
            raise LineFault("unknown-field", "answer")
        if RETURNED not in value:
            return self.line.feedback(request, value, self.clock.now())
        match value:
            case {"returned": dict(said)} if len(value) == 2 and said.keys() <= {"reason", "note", "by", "phone"}:
                words = [said.get(name, "") for name in ("reason", "note", "by", "phone")]
                texts = [word for word in words if isinstance(word, str)]
                if len(texts) == len(words) and texts[0]:
                    back = Rollback(request.number, *texts)
                    return self.line.rollback(request, back, self.clock.now())
        raise LineFault("answer-unreadable", RETURNED)

    # --- feedback --------------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        for kept in self.kept.due("answered", self.clock.now()):
            if kept.feedback is None:
                continue
            try:
                result = self.line.read_result(await self.court.call(kept.feedback), kept.number)
            except LineFault as fault:
                self._postpone(kept, fault.code)
                continue
            except Unavailable as error:
                self._postpone(kept, error.code)
                raise
            if result.taken:
                self.kept.ended(kept.number, "fed", self.clock.now(), message=result.message)
                self.counts["fed"] += 1
            else:
                self.kept.ended(
                    kept.number, "failed", self.clock.now(), code="feedback-refused", message=result.message
                )
                self.counts["failed"] += 1
                log.error("feedback-refused", kind=kept.kind, code="feedback-refused")

    def _tell(self, trouble: list[Unavailable]) -> None:
        for kept in self.kept.untold():
            said: JsonObject = {"number": kept.number, "state": kept.state, "code": kept.code, "message": kept.message}
            with _noted(trouble):
                self.desk.put_outcome(kept.number, {**said, "at": stamp(self.clock.now())})
                self.kept.told(kept.number)


@contextmanager
def _noted(trouble: list[Unavailable]) -> Iterator[None]:
    """What is unavailable is kept to be raised when everything else is done."""
    try:
        yield
    except Unavailable as error:
        trouble.append(error)


def _digest(value: JsonObject) -> bytes:
    """Raises LineFault: it may be nested deeper than can be written again."""
    try:
        return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest()
    except orjson.JSONEncodeError:
        raise LineFault("answer-unreadable") from None
