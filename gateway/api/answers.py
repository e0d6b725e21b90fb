"""JSON answers in canonical spelling."""

from fastapi import Response

from schemas.canonical import JsonValue, canonical


def document(value: JsonValue, *, status: int = 200) -> Response:
    return Response(canonical(value), status_code=status, media_type="application/json")
