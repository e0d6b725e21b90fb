"""One request to a department's interface, and everything that an answer may be instead of one."""

import asyncio
import re
import secrets
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple, NoReturn

import httpx
import orjson

from adapters.interfaces.mapping import InterfaceMapping
from adapters.interfaces.sign import signed
from schemas.canonical import JsonValue
from schemas.front import FrontAway, FrontFault

MOST_BYTES: Final = 32 * 1024 * 1024  # of one answer
REFUSALS: Final = frozenset({401, 403})
BUSY: Final = 429
_TOTAL: Final = re.compile(r"\d{1,12}", re.ASCII)
_SAFE: Final = re.compile(r"[A-Za-z0-9_-]{1,12}", re.ASCII)  # of another's error code that may be repeated


class Page(NamedTuple):
    """`total`: how many records there are on all pages, and `next` where the next page begins, if it says so."""

    rows: list[JsonValue]
    total: int | None
    next: str | None


class Caller:
    """`token` is the secret of the digests. `now` is this machine's clock."""

    def __init__(self, mapping: InterfaceMapping, token: str, now: Callable[[], datetime]) -> None:
        """Raises FrontFault where the file of certificates cannot be used, or the secret is wanting."""
        if mapping.sign.by != "none" and not token:
            raise FrontFault("the mapping's sign: set FUYUAN_FETCH_TOKEN_FILE to the file of the secret")
        try:
            context = ssl.create_default_context(cafile=mapping.ca_file)
        except (OSError, ssl.SSLError):
            raise FrontFault("the mapping's ca_file: no certificates that can be read") from None
        self._mapping, self._token, self._now = mapping, token, now
        # No redirect is followed and no proxy of the environment taken: the digests are for this host alone.
        self._http = httpx.AsyncClient(verify=context, trust_env=False, follow_redirects=False, timeout=mapping.seconds)

    async def close(self) -> None:
        await self._http.aclose()

    async def page(self, parameters: Mapping[str, str]) -> Page:
        """Raises FrontAway by its kind, FrontFault where the answer has no list in the place that the mapping names."""
        try:
            async with asyncio.timeout(self._mapping.seconds):
                body = await self._body(parameters)
        except (TimeoutError, httpx.TimeoutException):
            raise FrontAway(f"no whole answer within {self._mapping.seconds:g} seconds", "silent") from None
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError) as error:
            raise FrontAway(f"no answer ({type(error).__name__})", "unreachable") from None
        return read_page(self._mapping, body)

    async def _body(self, parameters: Mapping[str, str]) -> bytes:
        mapping, at = self._mapping, self._now()
        proof = signed(mapping.sign, self._token, at, secrets.token_hex(16))
        said = {**mapping.parameters, **parameters, **proof.parameters}
        # A packed answer is not asked for, and not unpacked: a few kilobytes of it can hold gigabytes.
        headers = {"accept": "application/json", "accept-encoding": "identity", **proof.headers}
        in_body = mapping.method == "POST"
        request = self._http.build_request(
            mapping.method,
            mapping.url,
            headers=headers,
            params=None if in_body else said,
            json=said if in_body else None,
        )
        answer = await self._http.send(request, stream=True)
        try:
            self._compare_clocks(answer.headers.get("date", ""))
            _check(answer)
            body = bytearray()
            async for part in answer.aiter_raw():
                body += part
                if len(body) > MOST_BYTES:
                    raise FrontAway(f"an answer of more than {MOST_BYTES // 2**20} MiB", "error")
        finally:
            await answer.aclose()
        return bytes(body)

    def _compare_clocks(self, date: str) -> None:
        """A clock that is off is found out here: elsewhere it looks like a wrong secret, or hides what is new."""
        try:
            theirs = parsedate_to_datetime(date)
            apart = (self._now() - theirs).total_seconds()
        except (ValueError, TypeError, OverflowError, IndexError):
            return  # it says no time, or one without its zone
        if abs(apart) > self._mapping.clock:
            which = "ahead of" if apart > 0 else "behind"
            raise FrontAway(f"this machine's clock is {abs(apart):.0f} s {which} the interface's", "clock")


def read_page(mapping: InterfaceMapping, body: bytes) -> Page:
    """What an answer says. Raises FrontAway (`error`), FrontFault."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise FrontAway("an answer that is no JSON; a page of a proxy looks like this", "error") from None
    of, pages = mapping.answer, mapping.pages
    code = at_path(answer, of.ok)
    if str(code) not in of.values:
        shown = f" {code}" if isinstance(code, str | int) and _SAFE.fullmatch(str(code)) else ""
        raise FrontAway(f"an answer that says of itself that it is an error{shown}", "error")
    rows = at_path(answer, of.rows)
    total = _number(at_path(answer, pages.total)) if pages.total else None
    if rows is None and total == 0:
        rows = []  # as some write that there is nothing
    if not isinstance(rows, list):
        raise FrontFault(f"no list at {of.rows} of the answer")
    if pages.total and total is None:
        raise FrontFault(f"no number at {pages.total} of the answer")
    following = at_path(answer, pages.next) if pages.next else None
    return Page(rows, total, None if following in (None, "") else str(following))


def at_path(value: JsonValue, path: str) -> JsonValue:
    """What stands there; None where nothing does."""
    for name in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _number(value: JsonValue) -> int | None:
    text = str(value) if type(value) in {int, str} else ""
    return int(text) if _TOTAL.fullmatch(text) else None


def _check(answer: httpx.Response) -> None:
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise FrontAway("a packed answer, which was not asked for", "error")
    if answer.status_code != httpx.codes.OK:
        _say_no(answer.status_code)


def _say_no(status: int) -> NoReturn:
    if status in REFUSALS:
        raise FrontAway(f"it does not let this party in ({status}); its id, its secret or its clock", "refused")
    if status == BUSY or status >= 500:
        raise FrontAway(f"it cannot answer now ({status})", "unreachable")
    raise FrontAway(f"it answers {status} and not with records", "error")
