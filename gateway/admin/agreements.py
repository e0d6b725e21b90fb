"""Agreement files on an official's desk: check, preview, sign, export. No database, no network."""

import re
import sys
from pathlib import Path

import orjson

from contracts.lint import lint
from contracts.load import load_agreement
from contracts.model import SignedContract, signature_payload
from contracts.preview import preview
from gateway.errors import Conflict, NotFound, Refused
from gateway.trust import jws
from gateway.trust.keys import PublicKey, SigningKey
from schemas.canonical import canonical
from schemas.catalog import Feed, UnknownFeed
from schemas.catalog import feed as find_feed

SIGNATURES_COMMENT = (
    "# The provider's signature, then the subscriber's. A changed word above breaks both; a changed comment does not."
)


def lint_agreement(file: Path) -> int:
    """Print each finding as a JSON line; 1 where there is one."""
    signed = load_agreement(file)
    findings = lint(signed.terms, _feed(signed))
    for finding in findings:
        _say({"code": finding.code, "field": finding.field, "text": finding.text})
    return 1 if findings else 0


def preview_agreement(file: Path) -> None:
    """Print each slot and how it would leave, and one example record of made-up values."""
    signed = load_agreement(file)
    shown = preview(signed.terms, _feed(signed), [])
    for field in shown.fields:
        _say({"slot": field.slot, "leaves": field.how})
    _say({"example": shown.example})


def adopt_agreement(file: Path, provider: Path, subscriber: Path) -> None:
    """Print the agreement with these two parties and their keys' thumbprints in place of its own, unsigned.

    Comments stay, for they say why each field is there. Raises Refused where the file is not laid out as ours are.
    """
    text = file.read_text(encoding="utf-8").partition("\nsignatures:")[0]
    text = text.removesuffix("\n" + SIGNATURES_COMMENT) + "\n"
    for side, path in (("provider", provider), ("subscriber", subscriber)):
        key = PublicKey.from_jwk(orjson.loads(path.read_bytes()))
        text, found = re.subn(
            rf"^{side}:\n  party: .*\n  keys:\n(    - .*\n)+",
            f'{side}:\n  party: {key.party}\n  keys:\n    - "{key.kid}"\n',
            text,
            flags=re.MULTILINE,
        )
        if found != 1:
            raise Refused(
                "agreement-layout", f"The file has no block of {side}, party and keys as our agreements have."
            )
    sys.stdout.write(text)


def sign_agreement(file: Path, key_file: Path) -> None:
    """Append the signature of the key's party to the file.

    Raises Refused where the terms do not name the key (S7), Conflict where the party has signed already.
    """
    signed = load_agreement(file)
    key = SigningKey.load(key_file)
    sides = {signed.terms.provider.party: signed.terms.provider, signed.terms.subscriber.party: signed.terms.subscriber}
    if key.party not in sides or key.kid not in sides[key.party].keys:
        raise Refused("key-not-named", "The terms do not name this key; enter its thumbprint under the party's keys.")
    if key.party == signed.terms.subscriber.party and not signed.signatures:
        raise Refused("provider-signs-first", "The provider signs first, then the subscriber.")
    token = jws.sign(key, jws.CONTRACT, signature_payload(signed.terms, key.party))
    if token in signed.signatures:
        raise Conflict("signed-already", "This party's signature stands in the file already.")
    text = file.read_text(encoding="utf-8").rstrip("\n")
    opening = "" if signed.signatures else "\nsignatures:"
    file.write_text(f'{text}{opening}\n  - "{token}"\n', encoding="utf-8")
    _say({"contract": signed.terms.id, "version": signed.terms.version, "signed_by": key.party})


def export_agreement(file: Path) -> None:
    """Print the signed contract as `fuyuan verify` takes it."""
    signed = load_agreement(file)
    sys.stdout.write(canonical({"contract": signed.model_dump(mode="json")}).decode() + "\n")


def _feed(signed: SignedContract) -> Feed:
    try:
        return find_feed(signed.terms.feed)
    except UnknownFeed:
        raise NotFound("unknown-feed", "The agreement is for a feed that this gateway does not have.") from None


def _say(said: object) -> None:
    sys.stdout.write(orjson.dumps(said).decode() + "\n")
