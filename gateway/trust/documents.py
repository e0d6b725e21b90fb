"""What every signed or hashed document must look like to be read at all: exact members, exact types (docs/format.md).

Each model is one object of that page. A document that does not fit raises `BadDocument`, which names the member and
never repeats its value.
"""

from typing import Annotated, Any, Literal, TypeAlias, TypeVar, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from gateway.clock import unstamp
from schemas.canonical import LARGEST_INTEGER, JsonValue, unb64u
from schemas.records.receipt import ReceiptKind


class BadDocument(ValueError):
    """Not the document that it claims to be."""


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", hide_input_in_errors=True)


def _hash(text: str) -> str:
    unb64u(text, 32)
    return text


def _stamp(text: str) -> str:
    unstamp(text)
    return text


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{3,64}$")]  # of a party or a contract
Hash = Annotated[str, AfterValidator(_hash)]  # 32 bytes, base64url
Stamp = Annotated[str, AfterValidator(_stamp)]  # as gateway.clock.stamp writes it
Count = Annotated[int, Field(ge=1, le=LARGEST_INTEGER)]
Index = Annotated[int, Field(ge=0, le=LARGEST_INTEGER)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=512)]
Json: TypeAlias = dict[str, Any]  # checked by hash, not by shape

Lane: TypeAlias = Literal["priority", "bulk"]
LANES: tuple[Lane, ...] = get_args(Lane)  # in the order in which a page is filled
EventKind: TypeAlias = Literal["upsert", "withdrawn", "drop", "void", "contract"]


class BatchHeader(_Document):
    """Section 3. `issuer` vouches for the records of `provider`."""

    type: Literal["batch/1"]
    issuer: Slug
    provider: Slug
    feed: Text
    schema_version: Count
    count: Count
    root: Hash
    submission: Hash


class JournalLeaf(_Document):
    """Section 4. `header` is the digest of the document that the leaf stands for."""

    type: Literal["journal/1"]
    index: Index
    first_position: Count
    count: Count
    kind: Literal["batch", "contract", "key", "statement", "closing"]
    header: Hash
    appended_at: Stamp


class Checkpoint(_Document):
    """Section 4: the journal's tree at one moment."""

    type: Literal["checkpoint/1"]
    origin: Slug
    size: Index
    root: Hash
    positions: Index
    at: Stamp


class JournalProof(_Document):
    """Section 5: a batch header's leaf is in the tree of a checkpoint."""

    leaf: JournalLeaf
    path: list[str]
    checkpoint: str


class Proof(_Document):
    """Section 5: what an event shows of its seals. From `batch` to `hidden`: all null where there is no record leaf."""

    run: str
    run_index: Index
    run_path: list[str]
    treated: list[str]
    batch: str | None
    index: Index | None
    path: list[str] | None
    revision: Count | None
    salts: dict[str, str] | None
    hidden: str | None
    journal: JournalProof | None


class Event(_Document):
    """Section 5: what one contract shows of one journal position."""

    contract: Slug
    contract_version: Count
    lane: Lane
    number: Count
    kind: EventKind
    cause: Count
    record: Json | None
    notice: Json | None
    proof: Proof


class RunHeader(_Document):
    """Section 5: events `first` to `first + count - 1` of a lane, as delivered."""

    type: Literal["run/1"]
    gateway: Slug
    contract: Slug
    lane: Lane
    first: Count
    count: Count
    root: Hash
    at: Stamp


class Heads(_Document):
    """The last number of each lane (D1)."""

    bulk: Index
    priority: Index

    def of(self, lane: Lane) -> int:
        return self.priority if lane == "priority" else self.bulk


class TreeSize(_Document):
    """A tree that somebody has seen."""

    size: Index
    root: Hash


class Heartbeat(_Document):
    """Section 5: how far the lanes of a contract reach (D11)."""

    type: Literal["heartbeat/1"]
    gateway: Slug
    contract: Slug
    contract_version: Count
    state: Literal["active", "suspended", "revoking", "revoked", "ended"]
    heads: Heads
    checkpoint: TreeSize
    at: Stamp


class ReceiptEvent(_Document):
    """The event that a receipt is for. `leaf` is the Merkle hash of its delivery leaf."""

    lane: Lane
    number: Count
    cause: Count
    leaf: Hash

    @property
    def leaf_hash(self) -> bytes:
        return unb64u(self.leaf)


class ReceiptRange(_Document):
    """The events that a receipt acknowledges. `digest` is the Merkle root over their delivery leaf hashes (D12)."""

    lane: Lane
    first: Count
    last: Count
    digest: Hash

    @property
    def digest_hash(self) -> bytes:
        return unb64u(self.digest)


class Receipt(_Document):
    """Section 6: what an agency says it did."""

    type: Literal["receipt/1"]
    agency: Slug
    contract: Slug
    kind: ReceiptKind
    key: Text
    at: Stamp
    event: ReceiptEvent | None
    range: ReceiptRange | None
    reference: Text | None
    record_id: Text | None
    measure: Text | None
    row: Text | None
    reason: Text | None
    checkpoint: TreeSize | None


class ContractSignature(_Document):
    """Section 7: one party's word on the terms with that digest."""

    type: Literal["contract/1"]
    contract: Slug
    version: Count
    party: Slug
    terms: Hash


class Side(BaseModel):
    """A party to a contract and the thumbprints of its keys (S7)."""

    model_config = ConfigDict(frozen=True, strict=True)

    party: Slug
    keys: list[str]


class Sides(BaseModel):
    """What verifying needs of the terms; the rest is covered by their digest and is the contract's own matter."""

    model_config = ConfigDict(frozen=True, strict=True)

    id: Slug
    version: Count
    provider: Side
    subscriber: Side


Model = TypeVar("Model", bound=BaseModel)


def read(model: type[Model], value: JsonValue) -> Model:
    """The value as that document. Raises `BadDocument`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        # Of the place, only names that stand in the models: a member that the sender made up may be called anything.
        made_up = first["type"] == "extra_forbidden"
        place = first["loc"][:-1] if made_up else first["loc"]
        where = ".".join(map(str, place[:2])) or model.__name__.lower()
        raise BadDocument(f"{where}: not as docs/format.md has it") from None
