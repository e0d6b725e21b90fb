"""What an agency says of an applicant, brought into the one spelling that records have, and into index keys."""

import hashlib
import re
from collections.abc import Iterable
from datetime import date
from operator import mul
from typing import Final, get_args

from gateway.agent.match import Applicant
from schemas.identifiers import (
    ID_CHECKS,
    ID_WEIGHTS,
    Identifier,
    Scheme,
    birth_date,
    org_code_of,
    read_identifier,
    upgraded,
    uscc_passes,
)
from schemas.names import name_key, normalise_name

SCHEMES: Final[tuple[Scheme, ...]] = get_args(Scheme)
LEGACY_ID: Final = re.compile(r"\d{15}", re.ASCII)
# Values that are sure to be read as they stand once their check character fits; all others take the long way.
PLAIN_ID: Final = re.compile(r"[1-9]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|1\d|2[0-8])\d{3}[\dX]", re.ASCII)
PLAIN_USCC: Final = re.compile(r"[1-9ANY][1-9A-HJ-NPQRTUWXY]\d{6}(?!0{9})(?!(.)\1{9})[0-9A-HJ-NPQRTUWXY]{10}", re.ASCII)
ID_OFFSET: Final = ord("0") * sum(ID_WEIGHTS)
PLAIN_HAN: Final = re.compile("[\u4e00-\u9fff]+")
HASH_BYTES: Final = 16
TAG_BYTES: Final = 8


class UnreadableApplicant(ValueError):
    """Something in it is no identifier, or not of the scheme that it says. The message repeats no value."""


def read_applicant(name: str | None, identifiers: Iterable[tuple[str, str]], born_on: date | None = None) -> Applicant:
    """An applicant from a name and (scheme, value) pairs as a form or a register has them.

    Raises UnreadableApplicant where a value is a placeholder, spoiled, or of another scheme than is said: to answer
    `clear` for a number that nobody has would be worse than to ask again.
    """
    read = tuple(_read(scheme, value) for scheme, value in identifiers)
    if born_on is None:
        born_on = next(filter(None, map(birth_date, read)), None)
    return Applicant(normalise_name(name) if name else "", read, born_on)


def _read(scheme: str, value: str) -> Identifier:
    if scheme == "cn-id" and LEGACY_ID.fullmatch(value):
        # Fifteen digits have no check character; a registration number looks the same, so the scheme said decides.
        return Identifier("cn-id", upgraded(value), masked=False, check="none")
    try:
        found = read_identifier(value)
    except ValueError as error:
        raise UnreadableApplicant(f"identifier: {error}") from None
    if found is None:
        raise UnreadableApplicant("identifier: empty")
    if found.scheme == scheme:
        return found
    for known in SCHEMES:
        if known == scheme and (found.masked or found.check == "none"):
            return found._replace(scheme=known)
    raise UnreadableApplicant("identifier: not of the scheme that is said")


class Keyed:
    """Index keys of one contract: a tag of the contract (8 bytes), then a keyed hash (BLAKE2b, 16 bytes) of what is
    looked up, or the record id. The tag is short because a million keys are compared byte by byte.
    """

    def __init__(self, key: bytes, contract: str) -> None:
        self.prefix: Final = hashlib.blake2b(
            contract.encode(), digest_size=TAG_BYTES, person=b"fuyuan/contract"
        ).digest()
        self._identifiers: Final = hashlib.blake2b(key=key, digest_size=HASH_BYTES, person=b"fuyuan/identify")
        self._names: Final = hashlib.blake2b(key=key, digest_size=HASH_BYTES, person=b"fuyuan/named")
        self._births: Final = hashlib.blake2b(key=key, digest_size=HASH_BYTES, person=b"fuyuan/born")
        self._requests: Final = hashlib.blake2b(key=key, digest_size=HASH_BYTES, person=b"fuyuan/requested")

    def record(self, record_id: str) -> bytes:
        return self.prefix + record_id.encode()

    def identifier(self, identifier: Identifier) -> bytes:
        """One key for a credit code and the organisation code inside it, so that either finds the other."""
        state = self._identifiers.copy()
        if identifier.scheme == "cn-uscc" and len(identifier.value) == 18:
            state.update(f"cn-org|{org_code_of(identifier.value)}".encode())
        else:
            state.update(f"{identifier.scheme}|{identifier.value}".encode())
        return self.prefix + state.digest()

    def plain(self, scheme: str, value: str) -> bytes | None:
        """The key of a number that needs no reading, which is nearly all of them; None where it is to be read first."""
        state = self._identifiers.copy()
        if scheme == "cn-id" and PLAIN_ID.fullmatch(value):
            if ID_CHECKS[(sum(map(mul, value[:17].encode(), ID_WEIGHTS)) - ID_OFFSET) % 11] != value[17]:
                return None
            state.update(b"cn-id|" + value.encode())
        elif scheme == "cn-uscc" and PLAIN_USCC.fullmatch(value):
            if value.isdigit() or "XXX" in value or not uscc_passes(value):  # three X in a row may be a mask
                return None
            state.update(f"cn-org|{value[8:16]}-{value[16]}".encode())
        else:
            return None
        return self.prefix + state.digest()

    def name(self, name: str) -> bytes:
        """The key of those who may be told by a name and a mask."""
        state = self._names.copy()
        state.update((name if PLAIN_HAN.fullmatch(name) else name_key(name)).encode())
        return self.prefix + state.digest()

    def birth(self, name: str, born_on: str) -> bytes:
        """The key of those who may be told by a name and a birth date, written as 19800131."""
        state = self._births.copy()
        state.update(f"{born_on}|{name_key(name)}".encode())
        return self.prefix + state.digest()

    def waiver(self, record_id: str, number: str) -> bytes:
        """The key of one waiver of one record; its number may be long."""
        return self.prefix + hashlib.blake2b(f"{record_id}|{number}".encode(), digest_size=HASH_BYTES).digest()

    def request(self, request: bytes) -> bytes:
        state = self._requests.copy()
        state.update(request)
        return state.digest()
