"""`fuyuan verify` over a file: one verdict a line, and an exit code that nobody can misread."""

import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import ManualClock
from gateway.errors import BadRequest
from gateway.trust.verify_file import verify_file
from schemas.canonical import canonical

from .conftest import START, District

NOW = ManualClock(START + timedelta(hours=1))


@pytest.fixture
def run(district: District, tmp_path: Path) -> Any:
    def run(data: bytes) -> tuple[int, list[dict[str, Any]]]:
        (tmp_path / "file").write_bytes(data)
        (tmp_path / "jwks").write_bytes(canonical(district.key_set().to_jwks()))
        out = io.StringIO()
        code = verify_file(tmp_path / "file", tmp_path / "jwks", out, NOW)
        return code, [json.loads(line) for line in out.getvalue().splitlines()]

    return run


def test_lines_of_every_kind(district: District, run: Any) -> None:
    event = district.sealed_event()
    lines = [
        event,
        {"receipt": district.receipt()},
        {"heartbeat": district.heartbeat()},
        {"contract": district.contract()},
    ]
    data = b"\n".join(map(canonical, lines))
    code, verdicts = run(data + b"\n\n")
    assert code == 0
    assert verdicts[0] == {
        "line": 1,
        "verdict": "valid",
        "kind": "event",
        "id": "debtors-to-agency/bulk/12",
        "by": ["gateway"],
    }
    assert [(one["line"], one["verdict"], one["kind"]) for one in verdicts[1:]] == [
        (2, "valid", "receipt"),
        (3, "valid", "heartbeat"),
        (4, "valid", "contract"),
    ]
    code, verdicts = run(data.replace(b"debtors-to-agency", b"debtors-to-nobody", 1))
    assert code == 1
    assert [one["verdict"] for one in verdicts] == ["invalid", "valid", "valid", "valid"]
    assert verdicts[0]["reason"]


def test_one_value_over_many_lines(district: District, run: Any) -> None:
    pretty = json.dumps(district.sealed_event(), indent=2, ensure_ascii=False).encode()
    assert [one["verdict"] for one in run(pretty)[1]] == ["valid"]
    code, verdicts = run(b"\n" + pretty.replace(b'"cause": 17', b'"cause": 18'))
    assert (code, [(one["line"], one["verdict"]) for one in verdicts]) == (1, [(2, "invalid")])
    code, verdicts = run(pretty[:-2])
    assert (code, len(verdicts)) == (1, 1)


def test_a_torn_line_takes_no_other_with_it(district: District, run: Any) -> None:
    line = canonical({"heartbeat": district.heartbeat()})
    code, verdicts = run(line[:-9] + b"\n" + line + b"\n" + line[:40])
    assert (code, [one["verdict"] for one in verdicts]) == (1, ["invalid", "valid", "invalid"])


@pytest.mark.parametrize("data", [b"", b"\n \n"])
def test_nothing_to_verify_is_not_a_success(run: Any, data: bytes) -> None:
    assert run(data) == (1, [{"line": 1, "verdict": "invalid", "kind": "unknown", "reason": "the file is empty"}])


def test_s7_unproven_is_not_a_success(district: District, run: Any) -> None:
    line = canonical({"heartbeat": district.heartbeat()})
    district.ends["gateway"] = {"retired_at": NOW.now()}
    code, verdicts = run(line)
    assert (code, verdicts[0]["verdict"]) == (1, "unproven-time")
    district.ends["gateway"] = {"retired_at": NOW.now() + timedelta(days=1)}
    assert run(line)[0] == 0


def test_a_key_set_that_is_none_is_named(district: District, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"{}")
    for wrong in (b"", b"{}", b'{"keys": [{}]}'):
        (tmp_path / "jwks").write_bytes(wrong)
        with pytest.raises(BadRequest) as refused:
            verify_file(tmp_path / "file", tmp_path / "jwks", io.StringIO())
        assert refused.value.code == "keys-unreadable"
