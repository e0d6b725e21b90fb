"""What the feed readers' tests share: the samples, and reading them on one fixed day."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import orjson
import pytest

from adapters.feeds import read
from schemas.reading import Item

SAMPLES = Path(__file__).parents[3] / "data" / "samples"
TODAY = date(2026, 11, 23)
KEY = b"a provider's record key, 32 byte"


@pytest.fixture(scope="session")
def samples() -> Path:
    return SAMPLES


@pytest.fixture(scope="session")
def read_items() -> Callable[[bytes], list[Item]]:
    """All items of a submission."""

    def items(data: bytes) -> list[Item]:
        return list(read("dishonest-debtor", data, record_key=KEY, today=TODAY))

    return items


@pytest.fixture(scope="session")
def read_one(read_items) -> Callable[..., Item]:
    """The one item of a zxgk record, with changes to it; None removes a key."""

    def one(**changes: object) -> Item:
        record = {**UNIT, **changes}
        (item,) = read_items(orjson.dumps({key: value for key, value in record.items() if value is not ...}))
        return item

    return one


@pytest.fixture
def unit() -> dict[str, object]:
    return dict(UNIT)


UNIT: dict[str, object] = {
    "id": 833957,
    "iname": "焦作山阳机械有限公司",
    "caseCode": "(2019)豫0811执00123号",
    "age": 0,
    "sexy": "",
    "cardNum": "69670740-9",
    "businessEntity": "苏嘉川",
    "courtName": "焦作市山阳区人民法院",
    "areaName": "河南",
    "partyTypeName": "581",
    "gistId": "(2018)豫0811民初5号",
    "regDate": "2019年01月28日",
    "gistUnit": "焦作市山阳区人民法院",
    "duty": "支付货款53300元",
    "performance": "全部未履行",
    "performedPart": "暂无",
    "unperformPart": "暂无",
    "disruptTypeName": "违反财产报告制度",
    "publishDate": "2019年02月11日",
    "qysler": [],
}
