"""Errors become RFC 9457 problem details, once, for every HTTP face. What is not expected says nothing of itself."""

from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.body_limit import BodyLimit
from gateway.api.request_log import Count, RequestLog
from gateway.api.traced import Traced
from gateway.errors import BadRequest, FuyuanError
from gateway.problem import MEDIA_TYPE, known, write_problem

HEADERS = {401: {"www-authenticate": "Signature"}, 503: {"retry-after": "1"}}
# Where a parameter stands that we named ourselves; below `body` stands what the sender named.
OUR_PLACES = frozenset({"query", "path", "header", "cookie"})


def install_problems(app: FastAPI, *, max_body_bytes: int, count: Count = lambda _route, _status: None) -> None:
    """Problem details, the body limit, and for every request an error id, a count, one log line and a span."""
    app.add_exception_handler(FuyuanError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(OperationalError, _known)
    app.add_exception_handler(NoConnection, _known)
    app.add_middleware(BodyLimit, max_body_bytes=max_body_bytes)
    app.add_middleware(RequestLog, answer=problem, count=count)
    app.add_middleware(Traced)


def problem(error: BaseException, error_id: str) -> tuple[str, Response]:
    """The error's code and the response for it."""
    told = known(error)
    return told.code, _document(told.status, told.title, told.code, told.detail, error_id)


def _document(status: int, title: str, code: str, detail: str, error_id: str) -> Response:
    return Response(write_problem(status, title, code, detail, error_id), status, HEADERS.get(status), MEDIA_TYPE)


async def _known(request: Request, error: Exception) -> Response:
    request.state.code, response = problem(error, request.state.error_id)
    return response


async def _invalid(request: Request, error: Exception) -> Response:
    """Names the parameters that are wrong, never what was sent in them."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    places = {" ".join(map(str, one["loc"][:2])) if one["loc"][0] in OUR_PLACES else "body" for one in found}
    return await _known(request, BadRequest("request-invalid", f"Missing or wrong: {', '.join(sorted(places))}."))


async def _http(request: Request, error: Exception) -> Response:
    """The framework's own refusals: no such path, no such method, a body that it could not read."""
    if isinstance(error.__cause__, FuyuanError):
        return await _known(request, error.__cause__)
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    request.state.code = "-".join(status.phrase.lower().split())
    response = _document(
        status, status.phrase, request.state.code, f"{status.description or status.phrase}.", request.state.error_id
    )
    if isinstance(error, HTTPException) and error.headers:
        response.headers.update(error.headers)
    return response
