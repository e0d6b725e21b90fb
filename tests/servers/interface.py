"""A department's interface behind a government platform's gateway, over real HTTP: it checks each request's digest,
takes no nonce twice, and pages through a list that a test may change between two pages.
"""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

PAASID, WINDOW_SECONDS = "shanyang-court", 300


@dataclass
class Department:
    """`records` is what it has. `troubles` are done to the next requests, one each: True where one has answered.

    `asked` holds each request's parameters, `headers` its headers. `clock_off`: seconds that its clock is ahead.
    `most`: no total is said to be more.
    """

    token: str
    records: list[dict[str, Any]] = field(default_factory=list)
    troubles: list[Callable[["Handler"], bool]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)
    clock_off: float = 0
    with_total: bool = True
    most: int | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def pages(self) -> list[str]:
        """Which pages were asked for since the last time."""
        found = [one.get("pageNum", "") for one in self.asked]
        self.asked.clear()
        return found


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    department: Department

    def do_GET(self) -> None:
        self._answer(dict(parse_qsl(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def _answer(self, asked: dict[str, str]) -> None:
        department = self.department
        department.asked.append(asked)
        department.headers.append({name.lower(): value for name, value in self.headers.items()})
        if department.troubles and department.troubles.pop(0)(self):
            return
        if not self._proved():
            self.say({"code": 401, "msg": "signature"}, 401)
            return
        size, number = int(asked["pageSize"]), int(asked["pageNum"])
        since = asked.get("since", "")
        found = [one for one in department.records if not since or one["gxsj"] >= since]
        page: dict[str, Any] = {"list": found[(number - 1) * size : number * size]}
        if department.with_total:
            page["total"] = len(found) if department.most is None else min(len(found), department.most)
        self.say({"code": 0, "data": page})

    def _proved(self) -> bool:
        at, nonce = self.headers.get("x-tif-timestamp", "0"), self.headers.get("x-tif-nonce", "")
        digest = hashlib.sha256((at + self.department.token + nonce + at).encode()).hexdigest()
        fresh = nonce not in self.department.nonces
        self.department.nonces.add(nonce)
        in_time = abs(time.time() + self.department.clock_off - int(at)) <= WINDOW_SECONDS
        named = self.headers.get("x-tif-paasid") == PAASID
        return fresh and in_time and named and digest == self.headers.get("x-tif-signature")

    def say(self, value: object, status: int = 200, **headers: str) -> None:
        self.send(json.dumps(value, ensure_ascii=False).encode(), status, **headers)

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.begin(status, {"Content-Length": str(len(body)), "Content-Type": "application/json", **headers})
        self.wfile.write(body)

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        self.send_header("Date", formatdate(time.time() + self.department.clock_off, usegmt=True))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Nothing is written."""


@contextmanager
def interface_server(token: str) -> Iterator[Department]:
    department = Department(token)
    handler = type("OfDepartment", (Handler,), {"department": department})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    department.url = f"http://127.0.0.1:{server.server_address[1]}/dsj/sxbzxr"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield department
    finally:
        department.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
