"""Spans that a test records, by trace."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway import trace

FOREIGN = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@contextmanager
def recorded_spans() -> Iterator[InMemorySpanExporter]:
    """All spans of this process from now on."""
    exporter = InMemorySpanExporter()
    provider = trace.make_provider("test")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.use(provider)
    try:
        yield exporter
    finally:
        trace.use(None)
        provider.shutdown()


def by_trace(exporter: InMemorySpanExporter) -> dict[int, list[ReadableSpan]]:
    found: dict[int, list[ReadableSpan]] = {}
    for span in exporter.get_finished_spans():
        assert span.context is not None
        found.setdefault(span.context.trace_id, []).append(span)
    return found


def path_to_root(span: ReadableSpan, spans: list[ReadableSpan]) -> list[str]:
    by_id = {one.context.span_id: one for one in spans if one.context is not None}
    names = [span.name]
    while span.parent is not None and span.parent.span_id in by_id:
        span = by_id[span.parent.span_id]
        names.append(span.name)
    return names
