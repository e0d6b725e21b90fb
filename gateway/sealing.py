"""A plan, sealed: all that the journal will hold of it, made before the transaction that appends it (rule J2)."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.delivery.versions import Version
from gateway.journal.append import NewEntry, Place
from gateway.journal.plan import Plan
from gateway.trust.keyring import Keyring
from gateway.trust.seal import SealedRecord, seal_batch, submission_commitment
from schemas.canonical import JsonValue
from schemas.catalog import Feed


@dataclass(frozen=True, slots=True)
class Sealed:
    """One batch. `opening` is what opens its commitment to the submission (S5), wrapped; `entries`, `records` and
    `values` have one member for each record, in order.
    """

    header: str
    opening: bytes
    entries: list[NewEntry]
    records: tuple[SealedRecord, ...]
    values: list[tuple[JsonValue, ...]]

    def versions(self, place: Place) -> Iterator[tuple[bytes, Version]]:
        """The record versions that now stand at `place`, each with its wrapped secret, as if they were read there."""
        position = place.first_position
        for entry, record, values in zip(self.entries, self.records, self.values, strict=True):
            yield (
                entry.wrapped_secret,
                Version(
                    position=position,
                    leaf=place.leaf,
                    feed=entry.feed,
                    schema_version=entry.schema_version,
                    record_id=entry.record_id,
                    revision=entry.revision,
                    status=entry.status,
                    previous=entry.previous,
                    superseded=False,
                    digests=entry.digests,
                    leaf_hash=entry.leaf_hash,
                    secret=record.secret,
                    values=values,
                ),
            )
            position += 1


def seal_plan(
    keyring: Keyring, provider: str, feed: Feed, plan: Plan, *, sent_digest: bytes, signature: bytes
) -> Sealed | None:
    """Every version that the plan takes, as one batch; None where it takes none. `sent_digest` is SHA-256 of what the
    provider signed with `signature`.
    """
    if not plan.taken:
        return None
    salt = os.urandom(32)
    batch = seal_batch(
        keyring.signing,
        issuer=keyring.signing.party,
        provider=provider,
        feed=feed,
        records=[taken.draft for taken in plan.taken],
        submission=submission_commitment(salt, sent_digest, hashlib.sha256(signature).digest()),
    )
    entries = [
        NewEntry(
            feed=feed.name,
            schema_version=feed.schema_version,
            provider=provider,
            record_id=record.record_id,
            revision=record.revision,
            status=record.status,
            leaf_hash=record.leaf_hash,
            digests=record.digests,
            body=record.body,
            content_mac=taken.content_mac,
            published_on=taken.published_on,
            previous=None if taken.head is None else taken.head.position,
            wrapped_secret=keyring.vault.wrap(record.secret),
            suspended=taken.suspended or None,
        )
        for record, taken in zip(batch.records, plan.taken, strict=True)
    ]
    values = [taken.draft.values for taken in plan.taken]
    return Sealed(batch.header, keyring.vault.wrap(salt), entries, batch.records, values)
