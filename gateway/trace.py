"""Traces (链路追踪): W3C `traceparent` through HTTP and Kafka headers, and spans to a collector where one is named.

Without a collector nothing is recorded, and what a sender gave is only passed on. A sender's flags and `tracestate` are
not heeded: what is recorded is this gateway's own decision. Attributes pass the same filter as log fields, and no
exception's text is kept (rule P1).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TracerProvider,
    get_current_span,
    set_span_in_context,
)

from gateway.errors import FuyuanError
from gateway.log import redact

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider as RecordingProvider

HEADER: Final = "traceparent"
SHAPE: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
IDENTITY: Final = re.compile(r"\d{15}")  # an id that may be an identity number's digits is not passed on
EXPORT_SECONDS: Final = 5.0  # a collector that is away holds up the end of the process no longer

Headers = Sequence[tuple[str, bytes | None]]  # as they come: a header of Kafka may have no value

_tracer: Tracer | None = None


def use(provider: TracerProvider | None) -> None:
    """Record spans with this provider from now on; None records none."""
    global _tracer  # noqa: PLW0603 - one for the process, as OpenTelemetry's own
    _tracer = None if provider is None else provider.get_tracer("fuyuan")


def make_provider(service: str) -> "RecordingProvider":
    """One that records every span, whatever the sender's flags say, under ids that every reader here passes on."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider as Provider  # noqa: PLC0415
    from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON  # noqa: PLC0415

    class Ids(RandomIdGenerator):
        def generate_trace_id(self) -> int:
            return _draw(super().generate_trace_id, 32)

        def generate_span_id(self) -> int:
            return _draw(super().generate_span_id, 16)

    resource = Resource.create({"service.name": service})
    return Provider(sampler=ALWAYS_ON, resource=resource, id_generator=Ids(), shutdown_on_exit=False)


def _draw(generate: Callable[[], int], digits: int) -> int:
    """An id of that many hex digits in which nobody can see an identity number; one trace in 150 would be cut."""
    while True:
        found = generate()
        if not IDENTITY.search(f"{found:0{digits}x}"):
            return found


@contextmanager
def exporting(endpoint: str | None, service: str) -> Iterator[None]:
    """Send the spans of what runs inside to the OTLP collector at `endpoint`, its base URL; record none without."""
    if endpoint is None:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - seldom needed
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = make_provider(service)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    use(provider)
    try:
        yield
    finally:
        use(None)
        provider.shutdown()


@contextmanager
def span(
    name: str, *, kind: SpanKind = SpanKind.INTERNAL, parent: Context | None = None, **attributes: object
) -> Iterator[Span]:
    """What happens inside, as a step of the current trace or of `parent`'s. `name` is a word of ours."""
    if _tracer is None:
        token = None if parent is None else contexts.attach(parent)
        try:
            yield INVALID_SPAN
        finally:
            if token is not None:
                contexts.detach(token)
        return
    with _tracer.start_as_current_span(
        name, parent, kind, record_exception=False, set_status_on_exception=False
    ) as current:
        note(current, **attributes)
        try:
            yield current
        except Exception as error:
            current.set_status(Status(StatusCode.ERROR))
            note(
                current, error=type(error).__name__, **({"code": error.code} if isinstance(error, FuyuanError) else {})
            )
            raise


def note(current: Span, **attributes: object) -> None:
    """Add attributes to a span: the fields that may stand in a log line, in the shape that they have there."""
    if current.is_recording():
        for name, value in redact(None, "", attributes).items():
            if isinstance(value, str | int | float):
                current.set_attribute(f"fuyuan.{name}", value)


def write_parent() -> str | None:
    """The `traceparent` of the current span; None outside of any trace."""
    found = get_current_span().get_span_context()
    if not found.is_valid:
        return None
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"


def read_parent(given: Iterable[str]) -> Context | None:
    """The parent for `span`, from the values of a message's `traceparent` fields; None where none holds."""
    values = list(given)
    found = SHAPE.fullmatch(values[0]) if len(values) == 1 else None
    if found is None or IDENTITY.search(found[1]) or IDENTITY.search(found[2]):
        return None
    sender = SpanContext(
        int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=TraceFlags(int(found[3], 16))
    )
    return set_span_in_context(NonRecordingSpan(sender)) if sender.is_valid else None


@contextmanager
def spans(
    name: str, parents: Iterable[str | None], *, kind: SpanKind = SpanKind.INTERNAL, **attributes: object
) -> Iterator[Mapping[str | None, str | None]]:
    """What happens inside, for things that came by several traces: one span in each of these, the last one current.

    `parents` are the things' `traceparent`s. Gives for each of them the `traceparent` of its span, to be passed on.
    Those without a parent have one span together, in the trace that is current outside.
    """
    outside = contexts.get_current()
    with ExitStack() as stack:
        begun: dict[str | None, str | None] = {}
        for text in dict.fromkeys(parents):
            parent = None if text is None else read_parent([text])
            stack.enter_context(span(name, kind=kind, parent=parent or outside, **attributes))
            begun[text] = write_parent()
        yield begun


def inject(headers: Sequence[tuple[str, bytes]], parent: str | None) -> list[tuple[str, bytes]]:
    """The headers of a Kafka message with this `traceparent`, where there is one."""
    return [*headers, *([] if parent is None else [(HEADER, parent.encode())])]


def extract(headers: Headers) -> str | None:
    """The `traceparent` in the headers of a Kafka message; None where there is none, or none that holds."""
    values = [(value or b"").decode("latin-1") for name, value in headers if name == HEADER]
    return None if read_parent(values) is None else values[0]
