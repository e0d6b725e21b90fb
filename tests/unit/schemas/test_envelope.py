"""Docs/format.md section 11: what goes into a message comes out of it, and nothing else is taken for one."""

import json

import pytest

from schemas.canonical import JsonObject, canonical
from schemas.envelope import EVENT, BadMessage, read_message, topic_of, write_event, write_heartbeat

AT = "2026-11-23T01:02:03.004Z"


def event(**changed: object) -> JsonObject:
    members: dict[str, object] = {
        "contract": "debtors", "contract_version": 1, "lane": "priority", "number": 7, "kind": "withdrawn", "cause": 9,
        "record": {"feed": "dishonest-debtor", "record_id": "abc", "subject": {"name": "某某"}},
        "notice": None, "proof": {"run": "a.b.c", "salts": {}},
    }  # fmt: skip
    return members | changed  # type: ignore[return-value]


@pytest.mark.parametrize(
    "one",
    [
        event(),
        event(kind="void", record=None),
        event(kind="drop", record={"feed": "dishonest-debtor", "record_id": "abc"}),
        event(kind="contract", record=None, notice={"state": "active", "version": 1, "on_end": "release"}),
    ],
)
def test_value_and_header_are_exactly_the_event(one: JsonObject) -> None:
    message = write_event(one, gateway="fuyuan-gateway", at=AT)
    assert read_message(message.value, message.headers) == one


def test_the_value_is_what_a_reader_wants_and_no_header_repeats_it() -> None:
    message = write_event(event(), gateway="fuyuan-gateway", at=AT)
    assert json.loads(message.value)["subject"]["name"] == "某某"
    assert "某某".encode() not in b"".join(value for _, value in message.headers)
    found = dict(message.headers)
    assert found["ce_id"] == b"debtors/priority/7"
    assert found["ce_type"] == b"fuyuan.withdrawn.v1"
    assert found["ce_source"] == b"urn:fuyuan:fuyuan-gateway"
    assert found["ce_time"] == AT.encode()


def test_a_heartbeat_is_its_token() -> None:
    message = write_heartbeat("a.b.c", contract="debtors", gateway="fuyuan-gateway", at=AT)
    assert read_message(message.value, message.headers) == "a.b.c"
    assert topic_of("debtors", "bulk") == "fuyuan.debtors.bulk"


def test_what_is_no_message_is_refused_and_not_repeated() -> None:
    good = write_event(event(), gateway="fuyuan-gateway", at=AT)
    rest = dict(good.headers)[EVENT]
    bad = [
        (None, good.headers),
        (b"{", good.headers),
        (good.value, []),
        (good.value, [(EVENT, b"[]")]),
        (good.value, [(EVENT, canonical({"record": None}))]),
        (b"\xff", [(EVENT, rest)]),
        (b'{"heads":1}', [("ce_type", b"fuyuan.heartbeat.v1")]),
    ]
    for value, headers in bad:
        with pytest.raises(BadMessage) as caught:
            read_message(value, headers)
        assert "某某" not in str(caught.value)
