"""A court's query-and-control service (查控) as an institution meets it: a real HTTP server on a free port of loopback.

It speaks the bank's wire by code of its own, none of ours: base64 of XML whose attribute values are base64 of GBK,
broken into lines of 76 as MIME does. What is asked stands in its lists until it is fed back, so that every poll brings
it again. Faults are put in a queue for an operation, and each spoils one call.
"""

import base64
import contextlib
import gzip
import hashlib
import threading
import xml.etree.ElementTree as ET
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, TypeVar

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
PDF = b"%PDF-1.4 a ruling and a notice"
JPG = b"\xff\xd8\xff an officer's certificate"
Fault = Literal["error", "silence", "cut", "status", "fault", "nonsense", "fail", "bomb", "lost", "packed", "drip"]
BOMB = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><cxqqList errorMsg="&b;"/>'


def coded(text: str) -> str:
    return base64.encodebytes(text.encode("gbk")).decode("ascii").strip()


def plain(text: str) -> str:
    return base64.b64decode(text).decode("gbk")


def packed(root: ET.Element) -> str:
    return base64.encodebytes(ET.tostring(root, encoding="utf-8", xml_declaration=True)).decode("ascii")


def unpacked(payload: str) -> ET.Element:
    return ET.fromstring(base64.b64decode(payload))  # noqa: S314 - our own side wrote it


@dataclass
class CourtLine:
    """`lists`: what is asked, by operation. `fed`: what came back, by number, each as (operation, payload)."""

    url: str = ""
    user: str = "YH000001"
    password: str = "secret-password"
    lists: dict[str, list[ET.Element]] = field(default_factory=lambda: {"getXzcxList": [], "getXzkzList": []})
    documents: dict[str, bytes | None] = field(default_factory=dict)  # by their number; None: there are none
    md5: str | None = None
    stuck: set[str] = field(default_factory=set)  # documents of which only half ever comes through
    certificates: bool = True
    fed: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))
    taken: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    faults: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    ended: threading.Event = field(default_factory=threading.Event)

    def ask(self, number: str, **values: str) -> None:
        """A query."""
        asked = {
            "BDHM": number, "LB": "YH", "XZ": "1", "XM": "张三", "ZJLX": "01", "DSRZJHM": "410811199001010014",
            "FYMC": "焦作市山阳区人民法院", "CBR": "李法官", "AH": "（2026）豫0811执1号", "WSBH": f"WS{number}",
            "CKKSSJ": "2026/01/01 00:00:00", "CKJSSJ": "2026/06/30 23:59:59", **values,
        }  # fmt: skip
        self.lists["getXzcxList"].append(ET.Element("cxqq", {name: coded(value) for name, value in asked.items()}))

    def order(self, number: str, *accounts: dict[str, str], **values: str) -> None:
        """A control of accounts."""
        asked = {
            "BDHM": number, "LB": "YH", "XZ": "2", "XM": "张三", "ZJLX": "01", "DSRZJHM": "410811199001010014",
            "FYMC": "焦作市山阳区人民法院", "CBR": "李法官", "AH": "（2026）豫0811执1号", **values,
        }  # fmt: skip
        element = ET.Element("kzqq", {name: coded(value) for name, value in asked.items()})
        around = ET.SubElement(element, "kzzhlist")
        for account in accounts:
            full = {
                "KZLX": "1", "KHZH": "6222021314002903619", "KZNR": "1", "BZ": "CNY", "JE": "5000.00",
                "KSRQ": "2026/11/23", "JSRQ": "2027/11/22", "CKWH": "（2026）豫0811执1号之一", **account,
            }  # fmt: skip
            ET.SubElement(around, "kzzh", {name: coded(value) for name, value in full.items()})
        self.lists["getXzkzList"].append(element)

    def take_back(self, number: str, reason: str, operation: str = "getXzkzList") -> None:
        values = {"BDHM": number, "XCHTYY": reason, "XCHTR": "李法官", "XCHTDH": "0391-0000000"}
        back = ET.Element("htxxList")
        ET.SubElement(back, "htxx", {name: coded(value) for name, value in values.items()})
        self.lists[operation].append(back)

    def last(self, number: str) -> ET.Element:
        """The newest feedback of a number, its values in plain text."""
        root = unpacked(self.fed[number][-1][1])
        for element in root.iter():
            for name, value in element.attrib.items():
                element.set(name, plain(value))
        return root

    def answer(self, operation: str, arguments: list[str]) -> str:
        """The payload of an operation's answer."""
        login = unpacked(arguments[0]).find("condition")
        assert login is not None
        if (plain(login.get("username", "")), plain(login.get("password", ""))) != (self.user, self.password):
            return packed(ET.Element("result", {"errorMsg": coded("用户名或密码错误")}))
        match operation:
            case "getXzcxList" | "getXzkzList":
                root = ET.Element("cxqqList" if operation == "getXzcxList" else "kzqqList")
                root.extend(one for one in self.lists[operation] if plain(one.get("BDHM", "")) not in self.taken)
                return packed(root)
            case "cxwsInfo" | "kzwsInfo":
                return self._documents(arguments[1])
            case "zjInfo":
                return self._certificates()
            case "shfeedXzcxInfo" | "shfeedXzkzInfo" | "htInfo":
                return self._take(operation, arguments[1])
        raise AssertionError(operation)

    def _documents(self, argument: str) -> str:
        condition = unpacked(argument)[0]
        data = self.documents.get(plain(next(iter(condition.attrib.values()))), PDF)
        root = ET.Element("wsinfoList")
        if data is not None:
            md5 = self.md5 or hashlib.md5(data).hexdigest()  # noqa: S324 - the line's own check
            values = {"XH": "1", "WJMC": "协助查询通知书", "WJLX": "pdf", "MD5": md5,
                      "WSNR": base64.encodebytes(data).decode("ascii")}  # fmt: skip
            ET.SubElement(root, "wsinfo", {name: coded(value) for name, value in values.items()})
        return packed(root)

    def _certificates(self) -> str:
        root = ET.Element("zjinfoList")
        if self.certificates:
            values = {"XH": "1", "GWZBM": "豫0811001", "GWZWJGS": "jpg", "GWZ": base64.b64encode(JPG).decode("ascii")}
            ET.SubElement(root, "zjinfo", {name: coded(value) for name, value in values.items()})
        return packed(root)

    def _take(self, operation: str, payload: str) -> str:
        number = plain(next(one for one in unpacked(payload).iter() if "BDHM" in one.attrib).attrib["BDHM"])
        fails = self._faulty(operation) == "fail"
        self.fed[number].append((operation, payload))
        if number in self.taken:
            return packed(ET.Element("result", {"errorMsg": coded("已经反馈, 不能再次反馈")}))
        if not fails:
            self.taken.add(number)
        root = ET.Element("result")
        around = ET.SubElement(root, "htjglist" if operation == "htInfo" else "cxjglist")
        words = {"bdhm": number, "result": "fail" if fails else "success", "msg": "张三的账号不符" if fails else ""}
        ET.SubElement(around, "jg", {name: coded(value) for name, value in words.items()})
        return packed(root)

    def _faulty(self, operation: str) -> Fault | None:
        waiting = self.faults[operation]
        return waiting.popleft() if waiting and waiting[0] == "fail" else None


class Handler(BaseHTTPRequestHandler):
    court: CourtLine

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        called = ET.fromstring(body).find(f"{{{SOAP}}}Body")  # noqa: S314 - as above
        assert called is not None
        operation = called[0].tag.partition("}")[2]
        court = self.court
        court.calls.append(operation)
        waiting = court.faults[operation]
        fault = waiting.popleft() if waiting and waiting[0] != "fail" else None
        match fault:
            case "silence":
                court.ended.wait(30)
                return None
            case "status":
                return self._send(503, b"busy")
            case "fault":
                return self._send(
                    500, f'<e:Envelope xmlns:e="{SOAP}"><e:Body><e:Fault/></e:Body></e:Envelope>'.encode()
                )
            case "nonsense":
                return self._send(200, b"<html>login</html>")
            case "error":
                payload = packed(ET.Element("cxqqList", {"ErrorMSG": coded("张三：数据库异常")}))
            case "bomb":
                payload = base64.b64encode(BOMB.encode()).decode()
            case _:
                arguments = [one.text or "" for one in called[0]]
                payload = court.answer(operation, arguments)
                if operation == "cxwsInfo" and plain(unpacked(arguments[1])[0].attrib["WSBH"]) in court.stuck:
                    fault = "cut"
        envelope = self._envelope(operation, payload)
        if fault == "lost":  # carried out, and the answer never comes
            self.close_connection = True
            return None
        if fault == "packed":
            return self._send(200, gzip.compress(envelope), {"content-encoding": "gzip"})
        if fault == "drip":
            return self._drip(envelope)
        return self._send(200, envelope, cut=fault == "cut")

    def _drip(self, body: bytes) -> None:
        """A byte now and then, so that every one of them comes in time."""
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            for byte in body:
                self.wfile.write(bytes([byte]))
                if self.court.ended.wait(0.2):
                    return

    def _envelope(self, operation: str, payload: str) -> bytes:
        envelope = ET.Element(f"{{{SOAP}}}Envelope")
        inside = ET.SubElement(envelope, f"{{{SOAP}}}Body")
        answer = ET.SubElement(inside, f"{{http://syyh.service.webService.ckw.tdh/}}{operation}Response")
        ET.SubElement(answer, "return").text = payload
        return ET.tostring(envelope, encoding="utf-8", xml_declaration=True)

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None, *, cut: bool = False) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-type", "text/xml; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Nothing: a test's output is its own."""


Court = TypeVar("Court", bound=CourtLine)


@contextmanager
def court_line(court: Court) -> Iterator[Court]:
    """The service runs while this is open."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("CourtHandler", (Handler,), {"court": court}))
    server.daemon_threads = True
    court.url = f"http://127.0.0.1:{server.server_address[1]}/SyyhConvertData"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield court
    finally:
        court.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
