"""XML from a far side that is not trusted: elements, attributes and text, and nothing else that XML can do.

No document type, so no entities, no external ones and no bomb; no processing instructions; sizes and depth bounded.
"""

from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from schemas.line import LARGEST_MESSAGE, LineFault

MOST_ELEMENTS: Final = 100_000
DEEPEST: Final = 12
MOST_ATTRIBUTES: Final = 128  # of one element
DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'


@dataclass(slots=True)
class Element:
    """`name` is without a prefix. `text` is all that stands in the element itself."""

    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    def child(self, name: str) -> "Element | None":
        """The first of that name, however its letters are written: the specification itself is of two minds."""
        return next((one for one in self.children if one.name.lower() == name.lower()), None)


def read_xml(data: bytes) -> Element:
    """UTF-8, and GBK where it is not: some say the one and send the other.

    Raises LineFault (`too-large`, `text-broken`, `xml-unsafe`, `xml-broken`).
    """
    if len(data) > LARGEST_MESSAGE:
        raise LineFault("too-large")
    reader = _Reader()
    try:
        reader.parser.Parse(_as_utf8(data), True)
    except expat.ExpatError:
        raise LineFault("xml-broken") from None
    if reader.root is None:
        raise LineFault("xml-broken")
    return reader.root


def write_xml(element: Element) -> str:
    """Without a declaration."""
    attributes = "".join(f" {name}={quoteattr(value)}" for name, value in element.attributes.items())
    content = escape(element.text) + "".join(map(write_xml, element.children))
    return f"<{element.name}{attributes}>{content}</{element.name}>"


class _Reader:
    """One document. An element's text may stand in several pieces."""

    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._pieces: list[list[str]] = []
        self._count = 0
        self.parser = parser = expat.ParserCreate("UTF-8")  # whatever the declaration says
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = _unsafe
        parser.EntityDeclHandler = _unsafe
        parser.ExternalEntityRefHandler = _unsafe
        parser.ProcessingInstructionHandler = _unsafe

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MOST_ELEMENTS or len(self._open) >= DEEPEST or len(attributes) > MOST_ATTRIBUTES:
            raise LineFault("too-large")
        element = Element(_bare(name), {_bare(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._pieces.append([])

    def _end(self, _: str) -> None:
        self._open.pop().text = "".join(self._pieces.pop())

    def _text(self, text: str) -> None:
        if self._pieces:
            self._pieces[-1].append(text)


def _unsafe(*_: object) -> int:
    raise LineFault("xml-unsafe")


def _bare(name: str) -> str:
    return name.rpartition(":")[2]


def _as_utf8(data: bytes) -> bytes:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        try:
            return data.decode("gb18030").encode("utf-8")
        except UnicodeError:
            raise LineFault("text-broken") from None
    return data
