"""The ids of traces: what this project begins, every part of it passes on."""

import random

import pytest

from gateway import trace


def test_a_trace_of_ours_is_never_taken_for_an_identity_number(monkeypatch: pytest.MonkeyPatch) -> None:
    trace_id, span_id = 0xAB01234567890CDE01234567890ABC12, 0xAB01234567890CDE
    drawn = {128: [trace_id, 0x410811199003071234 << 40], 64: [span_id, 0x4108111990030712]}
    monkeypatch.setattr(random, "getrandbits", lambda bits: drawn[bits].pop())
    provider = trace.make_provider("test")
    trace.use(provider)
    try:
        with trace.span("court"):
            text = trace.write_parent()
    finally:
        trace.use(None)
        provider.shutdown()
    assert text is not None
    assert text.startswith(f"00-{trace_id:032x}-{span_id:016x}-")
    assert trace.read_parent([text]) is not None
