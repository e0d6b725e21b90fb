"""Canonical bytes: one spelling for each JSON value (RFC 8785), and strict reading of what others sent.

Records and proofs hold no floats, no integers past 2**53 - 1 and only ASCII keys (their models forbid them), so
`orjson` with sorted keys writes RFC 8785 for them. Anything else, such as a court's raw record with Chinese keys,
goes through `canonical_any`.
"""

import binascii
import json
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import orjson

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, "JsonValue"]

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_STANDARD = bytes.maketrans(b"-_+/", b"+/**")  # and what is no base64url becomes what is no base64
LARGEST_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3: what every JSON reader holds exactly


class CanonicalError(ValueError):
    """The bytes or the value have no single canonical spelling. The message holds no value."""


def canonical(value: JsonValue) -> bytes:
    """RFC 8785 bytes of a value that holds no float, no huge integer and only ASCII keys.

    The caller's model guarantees that; `check_canonical` tells where it is in doubt.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def check_canonical(value: JsonValue) -> None:
    """Raise `CanonicalError` unless `canonical` is exact for this value."""
    match value:
        case None | bool():
            return
        case int():
            if abs(value) > LARGEST_INTEGER:
                raise CanonicalError("an integer is past 2**53 - 1")
        case str():
            if not value.isascii():
                try:
                    value.encode()
                except UnicodeEncodeError:
                    raise CanonicalError("a string holds a lone surrogate") from None
        case Mapping():
            for key, inner in value.items():
                if not key.isascii():
                    raise CanonicalError("a key is not ASCII")
                check_canonical(inner)
        case Sequence():
            for inner in value:
                check_canonical(inner)
        case _:
            raise CanonicalError("a number is not an integer")


def canonical_any(value: JsonValue) -> bytes:
    """RFC 8785 bytes of any JSON value, floats and non-ASCII keys included. Slower than `canonical`."""
    return _spell(value).encode()


def _spell(value: JsonValue) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            if abs(value) <= LARGEST_INTEGER:
                return str(value)
            return _spell_float(float(value))
        case float():
            return _spell_float(value)
        case str():
            return orjson.dumps(value).decode()
        case Mapping():
            # RFC 8785 section 3.2.3: keys sort by UTF-16 code units.
            keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
            return "{" + ",".join(f"{orjson.dumps(key).decode()}:{_spell(value[key])}" for key in keys) + "}"
        case _:
            return "[" + ",".join(_spell(inner) for inner in value) + "]"


def _spell_float(value: float) -> str:
    """ECMAScript Number::toString, which RFC 8785 section 3.2.2.3 prescribes."""
    if not math.isfinite(value):
        raise CanonicalError("a number is not finite")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    if fraction == "0":
        fraction = ""
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        text = digits + "0" * (point - count)
    elif 0 < point <= 21:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        tail = f".{digits[1:]}" if count > 1 else ""
        text = f"{digits[0]}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"
    return sign + text


def parse_strict(data: bytes) -> JsonValue:
    """Read JSON that must mean one thing only, as proofs and signed documents must.

    Raises `CanonicalError` for broken JSON, a key that stands twice, a float, a huge integer, a non-ASCII key or a
    lone surrogate.
    """

    def once(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise CanonicalError("a key stands twice")
        return found

    def refuse(_: str) -> JsonValue:
        raise CanonicalError("a number is not an integer")

    try:
        value: JsonValue = json.loads(
            data.decode("utf-8"), object_pairs_hook=once, parse_float=refuse, parse_constant=refuse
        )
    except UnicodeDecodeError:
        raise CanonicalError("not UTF-8") from None
    except json.JSONDecodeError:
        raise CanonicalError("not JSON") from None
    except CanonicalError:
        raise
    except ValueError:  # of a number with more digits than Python turns into an integer
        raise CanonicalError("a huge integer") from None
    except RecursionError:
        raise CanonicalError("nested too deeply") from None
    check_canonical(value)
    return value


def b64u(data: bytes) -> str:
    """base64url without padding (RFC 7515 section 2)."""
    return b64u_bytes(data).decode()


def b64u_bytes(data: bytes) -> bytes:
    """The same as ASCII."""
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE, b"=")


def unb64u(text: str, length: int | None = None) -> bytes:
    """Bytes of a base64url text that is spelled the one canonical way, of `length` bytes where that is given.

    Raises `CanonicalError` otherwise: a lenient reader would let a flipped trailing bit pass.
    """
    try:
        spelled = text.encode("ascii").translate(_STANDARD)
        # It skips what is no base64 and every superfluous "=", which the comparison below then refuses.
        data = binascii.a2b_base64(spelled + b"==")
    except ValueError:
        raise CanonicalError("not base64url") from None
    if binascii.b2a_base64(data, newline=False).rstrip(b"=") != spelled:
        raise CanonicalError("not canonical base64url")
    if length is not None and len(data) != length:
        raise CanonicalError(f"not {length} bytes")
    return data
