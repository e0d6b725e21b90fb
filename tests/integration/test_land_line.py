"""A registry on a court's query-and-control line (不动产查控), against a counterpart that has code of its own."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.errors import Unavailable
from tests.integration.banking import ONE, THREE, TWO, Bank, open_bank
from tests.servers.court_line import court_line, unpacked
from tests.servers.land_line import LandLine, plain

UNIT = "410811001001GB00001F00010001"
SEAL = {"BDCDYH": UNIT, "KZCS": "11", "KSRQ": "2026/11/23", "JSRQ": "2029/11/22", "CKWH": "（2026）豫0811执1号之一"}


@pytest.fixture
def service() -> Iterator[LandLine]:
    with court_line(LandLine()) as opened:
        yield opened


@pytest.fixture
async def registry(service: LandLine, tmp_path: Path) -> AsyncIterator[Bank]:
    async with open_bank(service, tmp_path, "land") as opened:
        yield opened


async def test_a_query_a_seal_and_a_request_sent_back(service: LandLine, registry: Bank) -> None:
    service.request(ONE)
    service.request(TWO, SEAL)
    service.request(THREE, SEAL)
    assert await registry.look() == {"requests": 3, "handed": 3}
    assert registry.request(ONE)["request"]["FIFTEENZJH"] == "410811900101001"
    assert registry.request(TWO)["request"]["BDCQL"][0]["JSRQ"] == "2029-11-22"
    registry.answer(ONE, rows=[{"LIST": "FDCQLIST", "BDCDYH": UNIT, "ZL": "解放路1号"}])
    registry.answer(TWO, rows=[{"BDCDYH": UNIT, "KZZT": "1", "CSKSRQ": "2026-11-23", "CSJSRQ": "2029-11-22"}])
    registry.answer(THREE, returned={"reason": "权利人不符"})
    assert (await registry.look())["fed"] == 3
    query, seal, back = (unpacked(service.fed[number][0][1]) for number in (ONE, TWO, THREE))
    assert plain(query.findtext(".//FDCQLIST/ZL")) == "解放路1号"
    assert plain(seal.findtext(".//KZXX/CSJSRQ")) == "2029/11/22"
    assert (plain(back.findtext(".//RESULT")), plain(back.findtext(".//MESSAGE"))) == ("1000", "权利人不符")
    assert [registry.outcome(number)["state"] for number in (ONE, TWO, THREE)] == ["fed"] * 3


async def test_a_release_that_does_not_say_of_what_is_returned(service: LandLine, registry: Bank) -> None:
    service.request(ONE, {**SEAL, "KZCS": "14"})
    await registry.look()
    await registry.look()
    assert registry.outcome(ONE)["code"] == "original-missing"


async def test_a_wrong_password_is_an_error(service: LandLine, registry: Bank) -> None:
    service.password = "another"
    with pytest.raises(Unavailable, match="line-error"):
        await registry.look()
