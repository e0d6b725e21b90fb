"""Proofs of the journal, and the public keys to check them with."""

from typing import Annotated

from fastapi import APIRouter, Query

from gateway.api.answers import document
from gateway.api.sender import Parts, Proved

router = APIRouter(tags=["proofs"])

Count = Annotated[int, Query(ge=0, le=2**53)]


@router.get("/v1/log/checkpoint")
async def checkpoint(sender: Proved, parts: Parts) -> object:
    """The newest signed checkpoint."""
    return document({"checkpoint": await parts.proofs.checkpoint()})


@router.get("/v1/log/inclusion")
async def inclusion(sender: Proved, parts: Parts, leaf: Count, size: Count) -> object:
    """That a leaf is in the tree of `size` leaves."""
    return document(await parts.proofs.inclusion(leaf, size))


@router.get("/v1/log/consistency")
async def consistency(sender: Proved, parts: Parts, first: Count, second: Count) -> object:
    """That the tree of `second` leaves begins with the tree of `first`."""
    return document(await parts.proofs.consistency(first, second))


@router.get("/.well-known/jwks.json")
async def jwks(parts: Parts) -> object:
    """Every public key with its validity. Anybody may read it."""
    return document((await parts.registry.keys()).to_jwks())
