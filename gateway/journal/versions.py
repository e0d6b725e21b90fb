"""What a provider's statement does to the record it names (rules J4, J5): a head goes in, a decision comes out."""

from dataclasses import dataclass
from typing import Literal

Step = Literal["listed", "amended", "unchanged", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Head:
    """The newest version of one record. `older` holds the content fingerprints of every version before a withdrawal.
    `suspended`: it was withdrawn because the enforcement rests, and may be resumed.
    """

    position: int
    revision: int
    status: str
    content_mac: bytes
    published_on: str | None
    older: frozenset[bytes] = frozenset()
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Stale:
    """A listing that repeats what was withdrawn (code `stale-listing`)."""

    reason: str


def decide_listing(
    head: Head | None, content_mac: bytes, published_on: str | None, *, relist: bool, resumes: bool = False
) -> Step | Stale:
    """Listed, amended, unchanged or stale.

    After a withdrawal a record is listed again only where that is plain: the provider says so (`relist`), or the
    court published it anew, on a later day and with other content. Everything else is yesterday's list sent again.
    A record that was suspended also goes on where it says of itself that it `resumes`; one that was deleted does not.
    """
    if head is None:
        return "listed"
    if head.status != "withdrawn":
        return "unchanged" if content_mac == head.content_mac else "amended"
    if relist:
        return "listed"
    if content_mac in head.older:
        return Stale("the same content was withdrawn before; send it with relist=true if it is listed again")
    if resumes and head.suspended:
        return "listed"
    if published_on is None or head.published_on is None or published_on <= head.published_on:
        return Stale(
            "it was withdrawn, and is not published anew since; send it with relist=true if it is listed again"
        )
    return "listed"


def decide_withdrawal(head: Head | None, *, suspends: bool = False) -> Step | None:
    """Withdrawn; unchanged where it was withdrawn before; None where nothing was ever listed (an alarm, rule J5).

    What is suspended may still be deleted, and then it is not resumed any more.
    """
    if head is None:
        return None
    if head.status != "withdrawn":
        return "withdrawn"
    return "withdrawn" if head.suspended and not suspends else "unchanged"
