"""What every refusal over HTTP must be: a problem document with a stable code, nothing half-done, nothing personal."""

import json
from typing import Any

import httpx

from tests.integration.district import NDJSON, SAMPLES, District, sample_records

BODY = (SAMPLES / "shixin_zxgk.jsonl").read_bytes()
HEADERS = {"content-type": NDJSON, "idempotency-key": "push-0001"}
JSON = {"content-type": "application/json"}
DOCUMENT = {"type", "title", "status", "code", "detail", "error_id"}
PERSONAL = sorted(
    value
    for record in sample_records()
    for value in (record["iname"], record["cardNum"], record["caseCode"], record["duty"], record.get("businessEntity"))
    if value
)


def says_nothing_personal(text: str) -> bool:
    escaped = (json.dumps(value)[1:-1] for value in PERSONAL)
    return not any(value in text for value in (*PERSONAL, *escaped))


async def refused(district: District, request: httpx.Request, status: int, code: str) -> dict[str, Any]:
    """The answer's document, once all is well with it and nothing was changed."""
    before = await district.table_counts()
    response = await district.send(request)
    document = response.json()
    assert (response.status_code, document["code"]) == (status, code), document
    assert response.headers["content-type"] == "application/problem+json"
    assert set(document) == DOCUMENT
    assert (document["status"], document["type"]) == (status, f"urn:fuyuan:problem:{code}")
    assert response.headers["request-id"] == document["error_id"]
    assert await district.table_counts() == before, "nothing half-done"
    line = [line for line in district.logged() if line["event"] == "request"][-1]
    assert (line["event"], line["code"], line["error_id"]) == ("request", code, document["error_id"])
    assert says_nothing_personal(response.text + str(response.headers) + district.log.getvalue())
    return document
