"""What stands in place of a record that its provider took back: no body, only that it is gone and why."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.records.debtor import RecordId


class Tombstone(BaseModel):
    """A withdrawn version (撤销, 删除). Deleted information is no ground for discipline any more."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    feed: str
    schema_version: Annotated[int, Field(ge=1)]
    record_id: RecordId
    revision: Annotated[int, Field(ge=1)]
    status: Literal["withdrawn"]
    status_reason: str | None
