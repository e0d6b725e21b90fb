"""Records of other families for the tests, with changes to them; `...` removes a key."""

import orjson

from schemas.identifiers import id_check
from schemas.reading import Accepted

FULL = "33082219740113097" + id_check("33082219740113097")


def codes(item: Accepted) -> set[tuple[str, str]]:
    return {(one.code, one.field) for one in item.record.warnings}


def tyc(**changes: object) -> bytes:
    record = {
        "iname": "天津信裕房地产发展有限公司", "casecode": "(2017)津0103执1606号", "cardnum": "60056316-5",
        "courtname": "天津市河西区人民法院", "publishdate": "1501171200000", "regdate": "1491321600000",
        "disrupttypename": "违反财产报告制度", "performance": "全部未履行",
    }  # fmt: skip
    return orjson.dumps({key: value for key, value in {**record, **changes}.items() if value is not ...})


def qcc(**changes: object) -> bytes:
    record = {
        "Name": "乐视控股（北京）有限公司", "Anno": "(2019)京01执1014号", "Orgno": "58255643-8",
        "Executegov": "北京市第一中级人民法院", "Province": "北京", "Executestatus": "全部未履行",
        "Actionremark": "违反财产报告制度", "Publicdate": "2019-11-18 00:00:00", "Liandate": "2019-10-30 00:00:00",
    }  # fmt: skip
    return orjson.dumps({key: value for key, value in {**record, **changes}.items() if value is not ...})
