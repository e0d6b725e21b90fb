"""Lines of enforcement control, as a court and the police write them."""

from typing import Any

COURT, POLICE = "shanyang-court", "shanyang-police"
PERSON, NUMBER = "苏嘉川", "999999198001010011"
CERTIFICATE, OFFICER = "豫0811执001", "李执行"
REQUEST = "a" * 52


def officer(**changed: Any) -> dict[str, Any]:
    return {
        "feed": "control-officer", "schema_version": 1, "status": "listed", "status_reason": None,
        "certificate": CERTIFICATE, "name": OFFICER, "phone": "0391-0000001", "valid_from": "2026-01-01",
        "valid_until": "2027-12-31", "source_updated_at": None, **changed,
    }  # fmt: skip


def person(name: str = PERSON, number: str = NUMBER) -> dict[str, Any]:
    identifier = {"scheme": "cn-id", "value": number, "masked": False, "check": "pass"}
    return {"kind": "person", "name": name, "name_masked": False, "identifiers": [identifier]}


def request(number: str = "XK-2026-1", **changed: Any) -> dict[str, Any]:
    return {
        "feed": "control-request", "schema_version": 1, "status": "listed", "status_reason": None, "number": number,
        "to": POLICE, "target": "person", "subject": person(), "address": "焦作市山阳区某路1号", "photo": None,
        "vehicle": dict.fromkeys(("plate", "plate_kind", "vin", "brand", "colour")),
        "case": {"number": "（2026）豫0811执716号", "court": "焦作市山阳区人民法院", "province": "河南",
                 "filed_on": "2026-01-05"},
        "documents": [
            {"kind": "assistance-notice", "number": "（2026）豫0811执716号之一", "digest": "1" * 64},
            {"kind": "decision", "number": "（2026）豫0811司拘1号", "digest": "2" * 64},
        ],
        "officers": [{"name": OFFICER, "certificate": CERTIFICATE}],
        "contact": {"name": "执行指挥中心", "phone": "0391-0000002"}, "valid_from": "2026-11-23",
        "valid_until": "2026-12-22", "source_updated_at": None, **changed,
    }  # fmt: skip


def vehicle(number: str = "XK-2026-2", **changed: Any) -> dict[str, Any]:
    sought = {"plate": "豫H00000", "plate_kind": "02", "vin": None, "brand": "某牌", "colour": "白"}
    return request(number, **{"target": "vehicle", "vehicle": sought, **changed})


def answer(said: str, reference: str, asked: str = REQUEST, **changed: Any) -> dict[str, Any]:
    where = "焦作市某路口" if said in ("sighted", "handed-over") else None
    return {
        "feed": "control-feedback", "schema_version": 1, "status": "listed", "status_reason": None,
        "reference": reference, "request": {"record_id": asked, "from_party": COURT}, "answer": said,
        "reason": "identity-unclear" if said == "refused" else None, "note": None,
        "occurred_at": "2026-11-23T01:00:00.000Z", "place": where,
        "contact": {"name": "某派出所", "phone": "0391-0000003"}, "source_updated_at": None, **changed,
    }  # fmt: skip
