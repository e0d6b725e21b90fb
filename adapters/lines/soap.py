"""The SOAP 1.1 envelope of the court's service: one operation, arguments of text, one text back."""

from collections.abc import Sequence

from adapters.lines.xml import DECLARATION, Element, read_xml, write_xml
from schemas.line import LineFault

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"


def write_envelope(namespace: str, operation: str, arguments: Sequence[tuple[str, str]]) -> bytes:
    """`arguments`: name and value, in their order."""
    called = Element(
        f"court:{operation}",
        {"xmlns:court": namespace},
        [Element(name, text=value) for name, value in arguments],
    )
    envelope = Element(
        "soapenv:Envelope",
        {"xmlns:soapenv": ENVELOPE},
        [Element("soapenv:Header"), Element("soapenv:Body", children=[called])],
    )
    return (DECLARATION + write_xml(envelope)).encode("utf-8")


def read_envelope(body: bytes) -> str:
    """What the operation returned. Raises LineFault (`soap-fault`, `soap-unexpected`, and as `read_xml`)."""
    envelope = read_xml(body)
    inside = envelope.child("Body")
    if envelope.name != "Envelope" or inside is None or len(inside.children) != 1:
        raise LineFault("soap-unexpected")
    answer = inside.children[0]
    if answer.name == "Fault":
        raise LineFault("soap-fault")
    if len(answer.children) != 1 or not answer.children[0].text.strip():  # `return`, or another name by another stack
        raise LineFault("soap-unexpected")
    return answer.children[0].text
