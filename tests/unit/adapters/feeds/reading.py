"""Reading one feed in the tests: what became of each item, and what a record or a refusal says."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import orjson
from pydantic import BaseModel

from adapters.feeds import read
from schemas.reading import Accepted, Item, Rejected
from tests.unit.adapters.feeds.conftest import KEY, TODAY

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Reading(Generic[Model]):
    """`feed` is read where a test names no other; its records are of `model`."""

    feed: str
    model: type[Model]

    def items(self, data: bytes, feed: str | None = None) -> list[Item]:
        return list(read(feed or self.feed, data, record_key=KEY, today=TODAY))

    def one(self, source: dict[str, Any], **changed: Any) -> Item:
        """What becomes of `source` with these fields changed; `...` takes one away."""
        whole = {key: value for key, value in {**source, **changed}.items() if value is not ...}
        (item,) = self.items(orjson.dumps(whole))
        return item

    def record(self, source: dict[str, Any], **changed: Any) -> Model:
        """The record, which its model reads again as it is."""
        item = self.one(source, **changed)
        assert isinstance(item, Accepted), item
        assert isinstance(item.record, self.model)
        assert self.model.model_validate_json(item.record.model_dump_json()) == item.record
        return item.record

    def code(self, source: dict[str, Any], **changed: Any) -> str:
        item = self.one(source, **changed)
        assert isinstance(item, Rejected)
        return item.code
