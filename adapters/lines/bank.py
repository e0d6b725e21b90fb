"""The line between a court and a bank: SOAP service SyyhConvertData, attributes of base64 of GBK.

Operations, elements and attributes as banks' own programs have them from the courts' specification
(人民法院、银行业金融机构网络执行查控工作技术规范), which is not public itself: fukaixin333/learnGitbyGitHub
(OuterPollingTask1A, the gf bindings), MoonLuckSir/MoonRepository (RequestJob).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from adapters.lines import soap
from adapters.lines.bank_rows import AMOUNTS, CXQQ, HTXX, HZXX, KZQQ, KZXX, RELEASE, ZHXX
from adapters.lines.coding import Coding, decode_bytes, encode_bytes, read_payload, write_payload
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
from adapters.lines.shape import Style, rows_of
from adapters.lines.values import CHINA
from adapters.lines.xml import Element
from schemas.canonical import JsonObject
from schemas.line import Attachment, Call, Kind, LineFault, Poll, Request, Result, Returns, Rollback

NAMESPACE: Final = "http://syyh.service.webService.ckw.tdh/"
GBK: Final = Coding("gbk")
STYLE: Final = Style("attributes", GBK)
POLLS: Final[Mapping[Kind, str]] = {"query": "getXzcxList", "control": "getXzkzList"}
ITEMS: Final = {"query": CXQQ, "control": KZQQ}
FEEDBACKS: Final[Mapping[Kind, str]] = {"query": "shfeedXzcxInfo", "control": "shfeedXzkzInfo"}
ROLLBACK: Final = "htInfo"
NO_ACCOUNT: Final = "查无开户信息"  # a customer without an account is answered for by one row that says so


@dataclass(frozen=True, slots=True)
class BankLine:
    """A bank's side of the line."""

    user: str
    password: str = field(repr=False)
    returns: Returns = "feedback"

    def poll(self, kind: Kind) -> Call:
        return Call(POLLS[kind])

    def read_poll(self, kind: Kind, payload: str) -> Poll:
        """Raises LineFault where the list as a whole cannot be read, or says an error (`court-error`)."""
        root = _read(payload)
        requests, unread = read_items(STYLE, ITEMS[kind], root.children, kind, "BDHM", _check)
        rollbacks, unread_too = read_rollbacks(STYLE, HTXX, root, kind, "BDHM")
        return Poll(requests, unread + unread_too, rollbacks)

    def documents(self, request: Request) -> Call:
        """A query's are asked for by the document's number, a control's by the request's."""
        if request.kind == "control":
            return Call("kzwsInfo", _condition("bdhminfo", "BDHM", request.number))
        document = request.fields.get("WSBH")
        if not isinstance(document, str):
            raise LineFault("document-missing", "WSBH")
        return Call("cxwsInfo", _condition("wsbhinfo", "WSBH", document))

    def certificates(self, request: Request) -> Call:
        return Call("zjInfo", _condition("bdhminfo", "BDHM", request.number))

    def read_documents(self, payload: str) -> list[Attachment]:
        return read_papers(STYLE, _read(payload))

    def read_certificates(self, payload: str) -> list[Attachment]:
        found = found_in(_read(payload), "zjinfo")
        if not found:
            raise LineFault("certificate-missing")
        pages = []
        for one in found:
            papers = [(f"{paper}BM", f"{paper}WJGS", paper) for paper in ("GWZ", "GZZ") if STYLE.value(one, paper)]
            if not papers:
                raise LineFault("certificate-missing", "GWZ")
            pages += [attachment(STYLE, one, "certificate", *paper) for paper in papers]
        return pages

    def feedback(self, request: Request, answer: JsonObject, at: datetime) -> Call:
        rows = rows_of(answer.get("rows"), "rows")
        number = {"BDHM": request.number}
        if request.kind == "query":
            if "receipt" in answer:
                raise LineFault("unknown-field", "receipt")
            stamp = at.astimezone(CHINA).isoformat(timespec="seconds")
            none: list[JsonObject] = [{"KHZH": NO_ACCOUNT}]
            listed: list[JsonObject] = [
                {"CCXH": str(place), "FKSJ": stamp, **row, **number} for place, row in enumerate(rows or none, 1)
            ]
            root = Element("zhxxList", children=[STYLE.write(ZHXX, row) for row in listed])
            return Call(FEEDBACKS["query"], write_payload(root))
        asked = rows_of(request.fields.get("kzzh"), "kzzh")
        same_items([one["CCXH"] for one in asked], [row.get("CCXH") for row in rows], "CCXH")
        measures = {str(one["CCXH"]): str(one["KZCS"]) for one in asked}
        for row in rows:
            _check_outcome(row, measures[str(row.get("CCXH"))])
        children = [STYLE.write(KZXX, {**_numbered(row, number), **number}) for row in rows]
        if (receipt := answer.get("receipt")) is not None:
            children.append(Element("hzxxList", children=[_receipt(receipt, number)]))
        return Call(FEEDBACKS["control"], write_payload(Element("kzxxList", children=children)))

    def rollback(self, request: Request, back: Rollback, at: datetime) -> Call:  # noqa: ARG002 - a registry's needs it
        """By `feedback` as banks' own programs do: nothing was found or controlled, and why. By `rollback` with the
        operation that the specification has for it, and that no program was seen to rely on.
        """
        number = {"BDHM": request.number}
        if self.returns == "rollback":
            said = {"XCHTYY": back.reason or NO_REASON, "XCHTBZ": back.note, "XCHTR": back.by, "XCHTDH": back.phone}
            row = STYLE.write(HTXX, {**number, **said})
            return Call(ROLLBACK, write_payload(Element("htxxList", children=[row])))
        words = "；".join(filter(None, (back.reason, back.note, back.by, back.phone)))
        if request.kind == "query":
            row = STYLE.write(ZHXX, {**number, "CCXH": "1", "KHZH": NO_REASON, "BEIZ": words})
            return Call(FEEDBACKS["query"], write_payload(Element("zhxxList", children=[row])))
        asked = rows_of(request.fields.get("kzzh", []), "kzzh")
        rows = [
            STYLE.write(KZXX, {**number, "CCXH": place, "KZZT": "2", "WNKZYY": words})
            for place in [one["CCXH"] for one in asked] or ["1"]
        ]
        return Call(FEEDBACKS["control"], write_payload(Element("kzxxList", children=rows)))

    def read_result(self, payload: str, number: str) -> Result:
        root = read_payload(payload)
        lists = [one for name in ("cxjglist", "htjglist", "kzjglist") if (one := root.child(name)) is not None]
        return result_of(STYLE, [one for part in lists for one in part.children], error_in(root, GBK), number, "bdhm")

    def write_envelope(self, call: Call) -> bytes:
        arguments = [("arg0", self._login())]
        if call.argument is not None:
            arguments.append(("arg1", call.argument))
        return soap.write_envelope(NAMESPACE, call.operation, arguments)

    def read_envelope(self, body: bytes) -> str:
        return soap.read_envelope(body)

    def _login(self) -> str:
        condition = {"username": GBK.encode(self.user, "username"), "password": GBK.encode(self.password, "password")}
        return write_payload(Element("usermarker", children=[Element("condition", condition)]))


def _read(payload: str) -> Element:
    root = read_payload(payload)
    if error_in(root, GBK):
        raise LineFault("court-error")
    return root


def _condition(root: str, name: str, value: str) -> str:
    return write_payload(Element(root, children=[Element("condition", {name: GBK.encode(value, name)})]))


def _check(kind: Kind, fields: JsonObject) -> None:
    """What the tables cannot say of a request. Raises LineFault."""
    if fields.get("XZ", "") not in {"", "1" if kind == "query" else "2"}:
        raise LineFault("unknown-code", "XZ")
    if kind == "query":
        GBK.encode(str(fields.get("WSBH", "")), "WSBH")  # documents are asked for by it
        return
    accounts = fields.get("kzzh")
    if not isinstance(accounts, list) or not accounts:
        raise LineFault("field-missing", "kzzh")
    rows = rows_of(accounts, "kzzh")
    for row in rows:
        GBK.encode(str(row["CCXH"]), "CCXH")  # every feedback repeats it
    if len({str(row["CCXH"]) for row in rows}) < len(rows):
        raise LineFault("row-twice", "CCXH")
    if any(row["KZCS"] == RELEASE and not (row.get("YDJDH") and row.get("YDJAH")) for row in rows):
        raise LineFault("original-missing", "YDJDH")  # 解除冻结 names the request and the case that froze


def _check_outcome(row: JsonObject, measure: str) -> None:
    """What was not controlled has a reason; what was frozen or deducted has an amount. Raises LineFault."""
    outcome = str(row.get("KZZT"))
    if outcome == "2" and not row.get("WNKZYY"):
        raise LineFault("reason-missing", "WNKZYY")
    if outcome == "1" and measure in AMOUNTS and not (row.get("SKJE") or row.get("SKSE")):
        raise LineFault("field-missing", "SKJE")


def _numbered(row: JsonObject, number: Mapping[str, str]) -> JsonObject:
    """Rows inside a control's row name the request too."""
    inner: JsonObject = {}
    for name in row.keys() & {"djxx", "qlxx"}:
        inner[name] = [{"CCXH": row["CCXH"], **one, **number} for one in rows_of(row[name], name)]
    return {**row, **inner}


def _receipt(receipt: object, number: Mapping[str, str]) -> Element:
    """`receipt`: `name`, `suffix`, `content` in base64."""
    match receipt:
        case {"name": str(name), "suffix": str(suffix), "content": str(content)}:
            data = _content(content)
        case _:
            raise LineFault("answer-unreadable", "receipt")
    row: JsonObject = {"WJMC": name, "WJLX": suffix, "MD5": hashlib.md5(data, usedforsecurity=False).hexdigest()}
    written = STYLE.write(HZXX, {**row, **number})
    written.attributes["WSNR"] = GBK.encode(encode_bytes(data), "WSNR")
    return written


def _content(content: str) -> bytes:
    data = decode_bytes(content, "receipt")
    if not data:
        raise LineFault("answer-unreadable", "receipt")
    return data
