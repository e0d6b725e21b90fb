"""JSON answers in canonical spelling."""

from fastapi import Response

from schemas.canonical import JsonValue, canonical


def document(value: JsonValue, *, status: int = 200) -> Response:
    """The value as application/json; it must hold no floats (RFC 8785 as schemas/canonical.py narrows it)."""
    return Response(canonical(value), status_code=status, media_type="application/json")
