"""Base64 and GBK: how the line carries a message, and each value in it.

A message is base64 of XML. In a bank's, each attribute value is base64 of GBK in turn, and a file's content is base64
before that; a registry's values may be base64 of UTF-8, or plain.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from adapters.lines.xml import DECLARATION, Element, read_xml, write_xml
from schemas.line import Charset, LineFault
from schemas.text import is_garbled

_BLANKS: Final = str.maketrans("", "", " \t\r\n")  # MIME breaks a line every 76 characters, attributes make them blanks
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NEVER_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def decode_bytes(text: str, name: str = "") -> bytes:
    """Raises LineFault (`base64-broken`)."""
    try:
        return base64.b64decode(text.translate(_BLANKS).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise LineFault("base64-broken", name) from None


def encode_bytes(data: bytes) -> str:
    """On one line, which every decoder takes."""
    return base64.b64encode(data).decode("ascii")


@dataclass(frozen=True, slots=True)
class Coding:
    """How one value is written."""

    charset: Charset

    def decode(self, text: str, name: str = "") -> str:
        """Trimmed. Raises LineFault (`base64-broken`, `text-broken`)."""
        if self.charset == "plain":
            decoded = text
        else:
            # GB 18030 reads all that GBK writes, and the rare characters of names besides.
            charset = "gb18030" if self.charset == "gbk" else "utf-8"
            try:
                decoded = decode_bytes(text, name).decode(charset)
            except UnicodeDecodeError:
                raise LineFault("text-broken", name) from None
        if _CONTROLS.search(decoded) or is_garbled(decoded):  # UTF-8 where GBK is due reads as another name
            raise LineFault("text-broken", name)
        return decoded.strip()

    def encode(self, value: str, name: str = "") -> str:
        """Raises LineFault (`not-gbk`, `text-broken`): the far side reads GBK alone, and would read another name."""
        if _CONTROLS.search(value) or _NEVER_XML.search(value):
            raise LineFault("text-broken", name)
        if self.charset == "plain":
            return value
        try:
            return encode_bytes(value.encode(self.charset))
        except UnicodeEncodeError:
            raise LineFault("not-gbk", name) from None


def read_payload(payload: str) -> Element:
    """The document in a message. Raises LineFault."""
    data = decode_bytes(payload)
    if not data.strip():
        raise LineFault("xml-broken")
    return read_xml(data)


def write_payload(document: Element) -> str:
    return encode_bytes((DECLARATION + write_xml(document)).encode("utf-8"))
