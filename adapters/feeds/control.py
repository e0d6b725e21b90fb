"""Enforcement control (协助控制): officers, requests, answers in our own form, checked before they are journalled.

What another record must say first - that the officer is registered, how the request stands - is the gateway's to check
(`gateway.control.admission`).
"""

from collections.abc import Callable
from datetime import date
from functools import partial
from typing import NamedTuple, TypeAlias

from adapters.feeds.adapter import FeedAdapter, Row
from adapters.feeds.address import whole_identifiers
from adapters.feeds.debtor import (
    Refused,
    Warnings,
    check_age,
    check_case,
    check_text,
    entries,
    kind_of,
    read_identifiers,
    source_of,
)
from adapters.feeds.fields import first_text
from adapters.feeds.own import canonical_line, said_identifiers
from adapters.feeds.service_result import checked_reference
from schemas.canonical import JsonObject
from schemas.case_number import normalise_case_number
from schemas.catalog import CONTROL_FEEDBACK, CONTROL_OFFICER, CONTROL_REQUEST
from schemas.names import read_name
from schemas.record_id import is_record_id, record_id
from schemas.records.address import AddressedParty
from schemas.records.control import ControlFeedback, ControlOfficer, ControlRequest
from schemas.records.debtor import Source, Warned, doubts_of

Line: TypeAlias = ControlOfficer | ControlRequest | ControlFeedback


class SaidControl(NamedTuple):
    """A line of our own that keeps to its model. `digest` only where the line itself says it.

    Its record id is not asked for: whatever a line claims, what it is known by makes it one record.
    """

    line: Line
    digest: str | None
    warnings: tuple[tuple[str, str], ...]


def said_officer(record: JsonObject) -> SaidControl:
    """Raises `Refused` (`invalid-record`), as its two neighbours."""
    return _said(canonical_line(ControlOfficer, record), record)


def said_request(record: JsonObject) -> SaidControl:
    if not record.get("documents"):
        raise Refused("no-document", "the request has no document; attach the notice to assist by its digest")
    if not record.get("officers"):
        raise Refused("no-officer", "the request names no officer in charge")
    if not record.get("contact"):
        raise Refused("no-contact", "the request names nobody who can be called at any hour")
    return _said(canonical_line(ControlRequest, record), record)


def said_feedback(record: JsonObject) -> SaidControl:
    return _said(canonical_line(ControlFeedback, record), record)


def control(said: SaidControl, raw: bytes, *, record_key: bytes, today: date) -> Line:
    """The canonical record. Raises `Refused`."""
    match said.line:
        case ControlOfficer():
            return _officer(said, said.line, raw, record_key)
        case ControlRequest():
            return _request(said, said.line, raw, record_key, today)
        case ControlFeedback():
            return _feedback(said, said.line, raw, record_key)


def control_ids(feed: str, record: JsonObject, _shape: Row | None, record_key: bytes) -> tuple[str, ...]:
    """What a withdrawal names: an officer by certificate, a request by number, an answer by request and reference."""
    try:
        if feed == CONTROL_OFFICER.name:
            certificate = first_text(record, ("certificate",)).strip()
            return (record_id(record_key, feed, certificate),) if certificate else ()
        if feed == CONTROL_REQUEST.name:
            return (record_id(record_key, feed, checked_reference(first_text(record, ("number",)), "request")),)
        request = record.get("request")
        asked = request.get("record_id") if isinstance(request, dict) else request
        if not isinstance(asked, str) or not is_record_id(asked):
            return ()
        return (record_id(record_key, feed, asked, checked_reference(first_text(record, ("reference",)), "answer")),)
    except ValueError:  # `Refused` and `WrongValue` too
        return ()


def _officer(said: SaidControl, line: ControlOfficer, raw: bytes, record_key: bytes) -> ControlOfficer:
    check_text(line.name)
    return line.model_copy(
        update={
            "record_id": record_id(record_key, line.feed, line.certificate),
            **_anew(said, line.source, raw, list(said.warnings)),
        }
    )


def _request(said: SaidControl, line: ControlRequest, raw: bytes, record_key: bytes, today: date) -> ControlRequest:
    warnings: Warnings = list(said.warnings)
    number = checked_reference(line.number, "request")
    check_text(line.subject.name or "", line.address or "", line.case.number)
    name = read_name(line.subject.name or "")
    identifiers = read_identifiers(said_identifiers(line.subject.identifiers), warnings)
    if name is None and not identifiers:
        raise Refused("no-subject", "the record names nobody: no name, no identifier")
    kind = kind_of(name, identifiers, line.subject.kind, warnings)
    if line.target == "person" and (kind != "person" or name is None or not whole_identifiers(identifiers)):
        raise Refused(
            "no-identifier", "a person is looked for only by name and a whole identifier that passes its check"
        )
    check_age(kind, None, identifiers, today)
    _check_target(line)
    _check_documents(line)
    if line.valid_until < line.valid_from:
        raise Refused("period-reversed", "the control ends before it begins")
    case_number = normalise_case_number(line.case.number)
    check_case(case_number, warnings)
    return line.model_copy(
        update={
            "record_id": record_id(record_key, line.feed, number),
            "number": number,
            "doubts": doubts_of([field for _, field in warnings], line.doubts),
            "subject": AddressedParty.made(
                kind=kind,
                name=name.value if name else None,
                name_masked=name is not None and name.masked,
                identifiers=entries(identifiers),
            ),
            "case": line.case.model_copy(update={"number": case_number}),
            **_anew(said, line.source, raw, warnings),
        }
    )


def _check_target(line: ControlRequest) -> None:
    """A plate moves between vehicles, and two may have one number: plate with kind, or the vehicle's own number."""
    vehicle = line.vehicle
    known = vehicle.vin is not None or (vehicle.plate is not None and vehicle.plate_kind is not None)
    if line.target == "vehicle" and not known:
        raise Refused("no-vehicle", "a vehicle is looked for only by its plate and the plate's kind, or by its VIN")
    if line.target == "person" and (vehicle.plate, vehicle.vin) != (None, None):
        raise Refused("two-targets", "a person and a vehicle are two requests")


def _check_documents(line: ControlRequest) -> None:
    if all(one.kind != "assistance-notice" for one in line.documents):
        raise Refused("no-document", "the request lacks the notice to assist")
    if len({one.digest for one in line.documents}) < len(line.documents):
        raise Refused("document-twice", "one document is attached twice, or under two numbers")
    if len({one.certificate for one in line.officers}) < len(line.officers):
        raise Refused("officer-twice", "one certificate stands twice")


def _feedback(said: SaidControl, line: ControlFeedback, raw: bytes, record_key: bytes) -> ControlFeedback:
    reference = checked_reference(line.reference, "answer")
    check_text(line.note or "", line.place or "")
    if line.answer == "refused" and line.reason is None:
        raise Refused("no-reason", "a refusal says why")
    if line.answer != "refused" and line.reason is not None:
        raise Refused("wrong-value", "only a refusal has a reason")
    if line.answer in ("sighted", "handed-over") and line.place is None:
        raise Refused("no-place", "the answer does not say where")
    return line.model_copy(
        update={
            "record_id": record_id(record_key, line.feed, line.request.record_id, reference),
            "reference": reference,
            **_anew(said, line.source, raw, list(said.warnings)),
        }
    )


def _anew(said: SaidControl, source: Source, raw: bytes, warnings: Warnings) -> dict[str, object]:
    """What no line says of itself: revision, status, source and warnings."""
    return {
        "revision": 1,
        "status": "listed",
        "source": source_of(source.system, source.record or "", said.digest, raw),
        "warnings": tuple(Warned.made(code=code, field=field) for code, field in sorted(set(warnings))),
    }


def _said(line: Line, record: JsonObject) -> SaidControl:
    return SaidControl(
        line,
        line.source.digest if "source" in record else None,
        tuple((one.code, one.field) for one in line.warnings),
    )


def _adapter(feed: str, own: Callable[[JsonObject], SaidControl], known_by: str) -> FeedAdapter[SaidControl]:
    return FeedAdapter(feed, own, control, ids=partial(control_ids, feed), known_by=known_by)


OFFICERS = _adapter(CONTROL_OFFICER.name, said_officer, "the number of the certificate")
REQUESTS = _adapter(CONTROL_REQUEST.name, said_request, "the number of the request")
FEEDBACK = _adapter(CONTROL_FEEDBACK.name, said_feedback, "the request's record id and the answer's number")
