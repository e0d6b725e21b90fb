"""The line between a court and a real-estate registry (不动产): SOAP, a `Message` of elements with a head and data.

Operations, elements and codes as a registry's own program has them (yanFranklin/bdc20230104:
BdcCourtKzJhSoapServiceImpl, BdcCourtKzServiceImpl and the classes under exchange/court). There a value is base64 of
UTF-8; a setting of it leaves values plain, and other places are said to write GBK: so the charset is the operator's to
say. Inferred, since no public program shows them: the list elements around a feedback's items, and the roots of login
and condition.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from adapters.lines import soap
from adapters.lines.coding import Coding, read_payload, write_payload
from adapters.lines.items import (
    NO_REASON,
    attachment,
    error_in,
    found_in,
    read_items,
    read_papers,
    read_rollbacks,
    result_of,
    same_items,
)
from adapters.lines.shape import Shape, Style, rows_of
from adapters.lines.values import CHINA
from adapters.lines.xml import Element
from schemas.canonical import JsonObject
from schemas.line import Attachment, Call, Charset, Kind, LineFault, Poll, Request, Result, Rollback

NAMESPACE: Final = "http://ip.service.webService.ckw.tdh/"
POLLS: Final[Mapping[Kind, str]] = {"query": "cxBdcQL", "control": "kzBdcQL"}
FEEDBACKS: Final[Mapping[Kind, str]] = {"query": "feedBdcQL", "control": "feedkzBdcQL"}
LISTS: Final[Mapping[Kind, str]] = {"query": "BDCCXQQLIST", "control": "BDCKZQQLIST"}
DONE: Final = "0000"
NOT_DONE: Final = "1000"  # what a registry returns for a request that it does not carry out
RELEASE: Final = "14"  # KZCS: 11 seal 查封, 12 extend 续封, 14 release 解封, 15 serve a transfer 过户文书送达

BDCCXQQ: Final = Shape("BDCCXQQ", {"CXQQDH": "number", "XZ": {"1", "2"}}, ("CXQQDH", "XM", "ZJH"))
BDCQL: Final = Shape(
    "BDCQL",
    {"KZCS": {"11", "12", "14", "15"}, "KSRQ": "day", "JSRQ": "day", "YDJDH": "number"},
    ("BDCDYH", "KZCS"),
    lists={"GHDXLIST": Shape("GHDX")},
)
BDCKZQQ: Final = Shape(
    "BDCKZQQ", {"CXQQDH": "number", "XZ": {"1", "2"}}, ("CXQQDH", "XM", "ZJH"), lists={"BDCQLLIST": BDCQL}
)
ITEMS: Final = {"query": BDCCXQQ, "control": BDCKZQQ}
HTXX: Final = Shape("htxx", {"CXQQDH": "number"})
# A query's answer: each row says in `LIST` of which register it is; the rest are that register's own fields.
REGISTERS: Final = frozenset(
    {"TDSYQLIST", "JSYDSYQLIST", "FDCQLIST", "HYSYQLIST", "GJZWSYQLIST", "LQLIST", "DYAQLIST", "YGDJLIST", "CFDJLIST"}
)
KZXX: Final = Shape(
    "KZXX",
    {"KZZT": {"1", "2"}, "CSKSRQ": "day", "CSJSRQ": "day"},
    ("BDCDYH", "KZZT"),
    frozenset({"BDCQLLX", "BDCDYH", "BDCQZH", "KZZT", "CSKSRQ", "CSJSRQ", "WNKZYY", "BEIZ", "YWH", "CFYWH"}),
)


@dataclass(frozen=True, slots=True)
class LandLine:
    """A registry's side of the line. `charset` is that of the values inside a message."""

    user: str
    password: str = field(repr=False)
    charset: Charset = "utf-8"

    @property
    def _style(self) -> Style:
        return Style("elements", Coding(self.charset))

    def poll(self, kind: Kind) -> Call:
        return Call(POLLS[kind])

    def read_poll(self, kind: Kind, payload: str) -> Poll:
        """Raises LineFault where the message as a whole cannot be read, or says that there was an error."""
        root = self._read(payload)
        data = root.child("Data")
        listed = None if data is None else data.child(LISTS[kind])
        requests, unread = read_items(
            self._style, ITEMS[kind], listed.children if listed else (), kind, "CXQQDH", _check
        )
        rollbacks, unread_too = read_rollbacks(self._style, HTXX, data or root, kind, "CXQQDH")
        return Poll(requests, unread + unread_too, rollbacks)

    def documents(self, request: Request) -> Call:
        return Call("kzwsInfo", self._condition(request.number))

    def certificates(self, request: Request) -> Call:
        return Call("zjInfo", self._condition(request.number))

    def read_documents(self, payload: str) -> list[Attachment]:
        return read_papers(self._style, self._read(payload))

    def read_certificates(self, payload: str) -> list[Attachment]:
        found = found_in(self._read(payload), "zjinfo")
        papers = [
            (one, (f"{paper}BM", f"{paper}WJGS", paper))
            for one in found
            for paper in ("GWZ", "GZZ")
            if self._style.value(one, paper)
        ]
        if not papers:
            raise LineFault("certificate-missing")
        return [attachment(self._style, one, "certificate", *paper) for one, paper in papers]

    def feedback(self, request: Request, answer: JsonObject, at: datetime) -> Call:
        rows = rows_of(answer.get("rows"), "rows")
        if "receipt" in answer:
            raise LineFault("unknown-field", "receipt")
        if request.kind == "query":
            return self._answer("query", request.number, DONE, [self._register(row) for row in rows], at)
        asked = rows_of(request.fields.get("BDCQL"), "BDCQL")
        same_items([one["BDCDYH"] for one in asked], [row.get("BDCDYH") for row in rows], "BDCDYH")
        if any(str(row.get("KZZT")) == "2" and not row.get("WNKZYY") for row in rows):
            raise LineFault("reason-missing", "WNKZYY")
        done = Element("KZXXLIST", children=[self._style.write(KZXX, row) for row in rows])
        return self._answer("control", request.number, DONE, [done], at)

    def rollback(self, request: Request, back: Rollback, at: datetime) -> Call:
        """There is no operation of its own: it is a feedback that nothing was done, and why."""
        words = "；".join(filter(None, (back.reason or NO_REASON, back.note, back.by, back.phone)))
        said = Element("MESSAGE", text=self._style.coding.encode(words, "MESSAGE"))
        return self._answer(request.kind, request.number, NOT_DONE, [said], at)

    def read_result(self, payload: str, number: str) -> Result:
        root = read_payload(payload)
        lists = [one for name in ("CXJGLIST", "KZJGLIST") if (one := root.child(name)) is not None]
        items = [one for part in lists for one in part.children]
        return result_of(self._style, items, error_in(root, self._style.coding), number, "CXQQDH")

    def write_envelope(self, call: Call) -> bytes:
        arguments = [("usermarker", self._login())]
        if call.argument is not None:
            name = "feedbackinfo" if call.operation in FEEDBACKS.values() else "wsbhinfo"
            arguments.append((name, call.argument))
        return soap.write_envelope(NAMESPACE, call.operation, arguments)

    def read_envelope(self, body: bytes) -> str:
        return soap.read_envelope(body)

    def _read(self, payload: str) -> Element:
        root = read_payload(payload)
        if error_in(root, self._style.coding):
            raise LineFault("court-error")
        head = root.child("Head")
        code = "" if head is None else self._style.value(head, "RESPONSECODE")
        if code not in {"", DONE}:
            raise LineFault("court-error", "RESPONSECODE")
        return root

    def _answer(self, kind: Kind, number: str, result: str, parts: list[Element], at: datetime) -> Call:
        item = Element(
            "BDCCXJG" if kind == "query" else "BDCKZJG", children=[*self._values(CXQQDH=number, RESULT=result)]
        )
        item.children += parts
        head = Element("Head", children=[
            *self._values(CREATETIME=at.astimezone(CHINA).strftime("%Y/%m/%d %H:%M:%S"), RESPONSECODE=DONE)
        ])  # fmt: skip
        data = Element("Data", children=[Element(f"{item.name}LIST", children=[item])])
        return Call(FEEDBACKS[kind], write_payload(Element("Message", children=[head, data])))

    def _register(self, row: JsonObject) -> Element:
        register = row.get("LIST")
        if not isinstance(register, str) or register not in REGISTERS:
            raise LineFault("unknown-code", "LIST")
        fields = {name: value for name, value in row.items() if name != "LIST"}
        return self._style.write(Shape(register), fields)

    def _values(self, **values: str) -> list[Element]:
        return [Element(name, text=self._style.coding.encode(value, name)) for name, value in values.items()]

    def _login(self) -> str:
        condition = Element("CONDITION", children=self._values(USERNAME=self.user, PASSWORD=self.password))
        return write_payload(Element("USERMARKER", children=[condition]))

    def _condition(self, number: str) -> str:
        return write_payload(Element("WSBHINFO", children=[Element("CONDITION", children=self._values(CXQQDH=number))]))


def _check(kind: Kind, fields: JsonObject) -> None:
    """What the tables cannot say of a request. Raises LineFault."""
    if kind == "query":
        return
    rights = rows_of(fields.get("BDCQL", []), "BDCQL")
    if not rights:
        raise LineFault("field-missing", "BDCQL")
    if len({str(row["BDCDYH"]) for row in rights}) < len(rights):
        raise LineFault("row-twice", "BDCDYH")
    if any(row["KZCS"] == RELEASE and not (row.get("YDJDH") or row.get("YDJAH")) for row in rights):
        raise LineFault("original-missing", "YDJDH")
