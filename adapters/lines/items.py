"""What every list of the line has: items by request number, each read by itself; files; results; the error inside."""

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Final, Literal

from adapters.lines.coding import Coding, decode_bytes
from adapters.lines.shape import Shape, Style
from adapters.lines.values import check_number
from adapters.lines.xml import Element
from schemas.canonical import JsonObject, JsonValue, canonical
from schemas.line import Attachment, Kind, LineFault, Request, Result, Rollback, Unread

NO_REASON: Final = "业务审核未通过"  # what banks' own programs give as the reason
ERRORS: Final = frozenset({"errormsg", "errmsg"})  # the specification has ErrorMSG, errorMsg and errMsg
ALREADY: Final = "已经反馈"  # 已经反馈, 不能再次反馈: an earlier try came through
SUFFIX: Final = re.compile("[A-Za-z0-9]{1,5}")
BACK: Final = frozenset({"htxx", "htxxlist"})


def read_items(
    style: Style,
    shape: Shape,
    elements: Sequence[Element],
    kind: Kind,
    number: str,
    check: Callable[[Kind, JsonObject], None],
) -> tuple[list[Request], list[Unread]]:
    """Each item by itself. `number` is the name that a request's number has; `check` raises LineFault."""
    requests: list[Request] = []
    unread: list[Unread] = []
    for element in elements:
        if element.name.lower() in BACK:
            continue
        digest = _digest(_spelt(element))
        known: str | None = None
        if element.name.lower() != shape.name.lower():
            unread.append(Unread(None, kind, digest, LineFault("unknown-item")))
            continue
        try:
            known = check_number(style.value(element, number), number)
            fields = style.read(shape, element)
            check(kind, fields)
        except LineFault as fault:
            unread.append(Unread(known, kind, digest, fault))
        else:
            requests.append(Request(known, kind, _digest(fields), fields))
    return requests, unread


def read_rollbacks(
    style: Style, shape: Shape, root: Element, kind: Kind, number: str
) -> tuple[list[Rollback], list[Unread]]:
    """Wherever they stand in a list. One needs only its number: no other defect stops it."""
    lists = [root, *(one for one in root.children if one.name.lower() == "htxxlist")]
    rollbacks: list[Rollback] = []
    unread: list[Unread] = []
    for element in [one for part in lists for one in part.children if one.name.lower() == shape.name.lower()]:
        try:
            which = check_number(style.value(element, number), number)
        except LineFault as fault:
            unread.append(Unread(None, kind, _digest(_spelt(element)), fault))
            continue
        words = [_said(style, element, name) for name in ("XCHTYY", "XCHTBZ", "XCHTR", "XCHTDH")]
        rollbacks.append(Rollback(which, *words))
    return rollbacks, unread


def found_in(root: Element, name: str) -> list[Element]:
    """All of that name, however deep: some stacks put a list, or a whole head and data, around them."""
    found: list[Element] = []
    for one in root.children:
        found += [one] if one.name.lower() == name else found_in(one, name)
    return found


def attachment(
    style: Style,
    element: Element,
    kind: Literal["document", "certificate"],
    name: str,
    suffix: str,
    content: str,
    md5: str | None = None,
) -> Attachment:
    """A file in an item: base64 in the value. Raises LineFault (`document-missing`, `document-differs`, ...)."""
    data = decode_bytes(style.value(element, content), content)
    if not data:
        raise LineFault(f"{kind}-missing", content)
    given = style.value(element, md5) if md5 else ""
    if given and given.lower() != hashlib.md5(data, usedforsecurity=False).hexdigest():
        raise LineFault("document-differs", content)
    ending = style.value(element, suffix).lower()
    return Attachment(kind, style.value(element, name), ending if SUFFIX.fullmatch(ending) else "bin", data)


def read_papers(style: Style, root: Element) -> list[Attachment]:
    """The documents of a request. Raises LineFault."""
    found = found_in(root, "wsinfo")
    if not found:
        raise LineFault("document-missing")
    return [attachment(style, one, "document", "WJMC", "WJLX", "WSNR", "MD5") for one in found]


def error_in(root: Element, coding: Coding) -> str:
    """What an answer says went wrong, as an attribute or an element; empty where nothing did."""
    said = [text for name, text in root.attributes.items() if name.lower() in ERRORS]
    said += [one.text for one in root.children if one.name.lower() in ERRORS]
    for text in said:
        try:
            words = coding.decode(text)
        except LineFault:  # some write it plain
            words = text.strip()
        if words:
            return words
    return ""


def result_of(style: Style, items: Sequence[Element], error: str, number: str, name: str) -> Result:
    """What was said of one number. Raises LineFault (`court-error`, `result-missing`, `unknown-code`)."""
    for item in items:
        which = style.value(item, name)
        if which != number and (which or len(items) > 1):  # with one number asked for, some leave it out
            continue
        message = _said(style, item, "msg")
        match style.value(item, "result").lower():
            case "success":
                return Result(taken=True, message=message)
            case "fail":
                return Result(taken=ALREADY in message, message=message)
        raise LineFault("unknown-code", "result")
    if ALREADY in error:
        return Result(taken=True, message=error)
    raise LineFault("court-error" if error else "result-missing")


def same_items(asked: Sequence[JsonValue], answered: Sequence[JsonValue], name: str) -> None:
    """Each that was asked about is answered once. Raises LineFault (`row-missing`, `row-unknown`, `row-twice`)."""
    given = [str(one) for one in answered]
    wanted = {str(one) for one in asked}
    if len(set(given)) < len(given):
        raise LineFault("row-twice", name)
    if not set(given) <= wanted:
        raise LineFault("row-unknown", name)
    if not wanted <= set(given):
        raise LineFault("row-missing", name)


def _digest(value: JsonValue) -> bytes:
    return hashlib.sha256(canonical(value)).digest()


def _spelt(element: Element) -> JsonValue:
    """An item that cannot be read, the same however its attributes are ordered and its base64 is broken into lines."""
    attributes = {name: "".join(value.split()) for name, value in element.attributes.items()}
    return [element.name, attributes, "".join(element.text.split()), [_spelt(one) for one in element.children]]


def _said(style: Style, element: Element, name: str) -> str:
    """Words that nothing depends on; none where they cannot be read."""
    try:
        return style.value(element, name)
    except LineFault:
        return ""
