"""Every feed that is read, a line each. An adapter that stands here is read, and is held to the conformance suite."""

from collections.abc import Mapping

from adapters.feeds import address_shapes, control, enforcement_shapes, listings, restriction_shapes, service_result
from adapters.feeds.adapter import AnyAdapter, Row

_ADAPTERS: tuple[AnyAdapter, ...] = (
    listings.ADAPTER,
    restriction_shapes.ADAPTER,
    enforcement_shapes.ADAPTER,
    address_shapes.ADAPTER,
    service_result.ADAPTER,
    control.OFFICERS,
    control.REQUESTS,
    control.FEEDBACK,
)
ADAPTERS: Mapping[str, AnyAdapter] = {adapter.feed: adapter for adapter in _ADAPTERS}

TABLE: tuple[Row, ...] = tuple(shape for adapter in _ADAPTERS for shape in adapter.shapes)
"""All key sets of all feeds: one table, so that no key set is that of two feeds."""
