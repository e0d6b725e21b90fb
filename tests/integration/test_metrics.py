"""What an operator sees of a real gateway and a real agent: /metrics, /readyz, and who may read them."""

import asyncio
import re
from datetime import timedelta
from urllib.parse import quote

import httpx
import pytest

from gateway.client import GatewayProblem
from gateway.delivery.lag import read_lags
from gateway.demo.processes import free_port
from gateway.journal.engine import open_engine
from gateway.metrics import Metrics
from gateway.running import Running
from tests.integration.agency import Agent, listing
from tests.integration.district import COURT, FROM_MARKET, MARKET, ROOT, TO_MARKET, District, sample_records
from tests.integration.watched import of, read_samples, ready, samples, scrape

BULK = {"contract": TO_MARKET, "lane": "bulk"}


async def test_lag_and_age_grow_until_the_agency_pulls_and_receipts(district: District) -> None:
    await district.push(*[listing(serial) for serial in (1, 2, 3)])
    district.clock.advance(timedelta(seconds=40))
    found = await samples(district)
    assert of(found, "fuyuan_lane_last", **BULK) == 0
    assert of(found, "fuyuan_lane_unrouted_seconds", **BULK) == pytest.approx(41, abs=1)

    await district.running.router.catch_up(TO_MARKET)
    district.clock.advance(timedelta(seconds=9))
    found = await samples(district)
    assert of(found, "fuyuan_lane_last", **BULK) == of(found, "fuyuan_lane_lag", **BULK) == 3
    assert of(found, "fuyuan_lane_unrouted_seconds", **BULK) == 0
    assert of(found, "fuyuan_lane_undelivered_seconds", **BULK) == pytest.approx(10, abs=1)

    events, _ = await district.pull(MARKET, TO_MARKET)
    found = await samples(district)
    assert of(found, "fuyuan_lane_shown", **BULK) == 3
    assert of(found, "fuyuan_lane_undelivered_seconds", **BULK) == 0
    assert of(found, "fuyuan_lane_lag", **BULK) == 3

    bulk = [event for event in events if event["lane"] == "bulk"]
    body = [await district.received(bulk), await district.receipt(bulk[0])]
    await district.client(MARKET).send_receipts(body)
    found = await samples(district)
    assert of(found, "fuyuan_lane_acknowledged", **BULK) == 3
    assert of(found, "fuyuan_lane_lag", **BULK) == 0
    received = {"contract": TO_MARKET, "kind": "received"}
    assert of(found, "fuyuan_receipt_delay_seconds_count", **received) == 1
    assert of(found, "fuyuan_receipt_delay_seconds_sum", **received) == pytest.approx(12, abs=2)
    blocked = {"contract": TO_MARKET, "kind": "blocked"}
    assert of(found, "fuyuan_receipt_delay_seconds_sum", **blocked) == pytest.approx(53, abs=2)

    await district.client(MARKET).send_receipts(body)  # once more, as behind a lost answer
    assert of(await samples(district), "fuyuan_receipt_delay_seconds_count", **received) == 1


async def test_each_range_of_one_request_waited_since_its_own_first_number_was_given(district: District) -> None:
    for serials, seconds in (((1, 2), 100), ((3, 4), 10), ((5, 6), 0)):
        await district.push(*map(listing, serials))
        await district.running.router.catch_up(TO_MARKET)
        district.clock.advance(timedelta(seconds=seconds))
    events, _ = await district.pull(MARKET, TO_MARKET)
    bulk = [event for event in events if event["lane"] == "bulk"]
    ranges = [bulk[4:6], bulk[0:2], bulk[2:4]]
    await district.client(MARKET).send_receipts([await district.received(some) for some in ranges])
    found = await samples(district)
    received = {"contract": TO_MARKET, "kind": "received"}
    assert of(found, "fuyuan_receipt_delay_seconds_count", **received) == 3
    assert of(found, "fuyuan_receipt_delay_seconds_sum", **received) == pytest.approx(110 + 10 + 0, abs=2)


async def test_a_contract_for_receipts_has_no_acknowledged_and_no_lag_once_it_is_read(district: District) -> None:
    await district.push(listing())
    events, _ = await district.pull(MARKET, TO_MARKET)
    await district.client(MARKET).send_receipts([await district.receipt(events[-1])])
    await district.pull(COURT, FROM_MARKET)
    found = await samples(district)
    assert of(found, "fuyuan_lane_acknowledged", contract=FROM_MARKET, lane="bulk") is None
    assert of(found, "fuyuan_lane_last", contract=FROM_MARKET, lane="bulk") == 1
    assert of(found, "fuyuan_lane_lag", contract=FROM_MARKET, lane="bulk") == 0


async def test_what_comes_in_is_counted_by_outcome_once(district: District) -> None:
    body = {"not": "a record"}
    for _ in range(2):
        await district.push(listing(1), listing(2), body)
    found = await samples(district)
    feed = "dishonest-debtor"
    assert of(found, "fuyuan_intake_records_total", feed=feed, outcome="listed") == 2
    assert of(found, "fuyuan_intake_records_total", feed=feed, outcome="unchanged") == 2
    assert of(found, "fuyuan_intake_records_total", feed=feed, outcome="quarantined") == 2
    assert of(found, "fuyuan_quarantined", feed=feed, code="unknown-shape") == 2
    assert of(found, "fuyuan_journal_positions") == (await district.tree_head()).positions
    assert of(found, "fuyuan_requests_total", route="/v1/feeds/{feed}/batches", status="201") == 2


async def test_p1_a_stranger_s_words_make_no_label(district: District) -> None:
    """Neither cardinality nor injection: what is not a route, a feed or a contract of ours counts as `none` at most."""
    before = len(await samples(district))
    for path in ("/v1/feeds/王伟/batches", '/x"} 1\nfuyuan_evil 1', "/v1/contracts/nobody-s/events"):
        await district.send(httpx.Request("GET", f"http://gateway.test{quote(path)}"))
    for feed in ("other-feed", "王伟"):
        with pytest.raises(GatewayProblem):
            await district.client(COURT).push(feed, b"{}", "application/json", "push-strange")
    answer = await scrape(district)
    assert "evil" not in answer.text
    assert "王伟" not in answer.text
    assert "nobody" not in answer.text
    assert "other-feed" not in answer.text
    assert len(read_samples(answer)) - before <= 2 * 6  # a route and a status each, and when it was made


async def test_p1_no_personal_value_in_a_metric(district: District, agent: Agent) -> None:
    await district.push(*sample_records()[:20], listing())
    await agent.follow()
    await agent.screen()
    texts = [(await scrape(district)).text, (await agent.web.get("/metrics")).text]
    for record in [*sample_records()[:20], listing()]:
        for name in ("iname", "cardNum", "caseCode"):
            assert all(str(record[name]) not in text for text in texts)


@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer wrong"}, {"authorization": ""}, {"host": "127.0.0.1"}])
async def test_a_stranger_gets_no_metric(district: District, given: dict[str, str]) -> None:
    answer = await district.send(httpx.Request("GET", "http://gateway.test/metrics", headers=given))
    assert (answer.status_code, answer.json()["code"]) == (401, "token-wrong")
    assert "fuyuan_" not in answer.text


async def test_the_token_is_made_for_its_owner_alone(district: District) -> None:
    path = district.running.settings.metrics_token_file
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_text("ascii").strip()) >= 43


async def test_a_scrape_does_not_wait_for_whoever_holds_the_journal_s_head(district: District) -> None:
    async with district.running.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE journal_head SET size = size")
        async with asyncio.timeout(5):
            assert (await scrape(district)).status_code == 200


async def test_scrapes_within_a_second_share_one_reading(district: District) -> None:
    metrics = district.running.metrics
    first, second = await asyncio.gather(metrics.read(), metrics.read())
    assert first is second
    district.clock.advance(timedelta(seconds=1))
    assert await metrics.read() is not first


async def test_ready_is_caught_up(district: District) -> None:
    running = district.running
    for contract in district.cast.contracts:
        await running.router.catch_up(contract)
    assert (await ready(district))[0] == 200
    await district.push(listing())
    district.clock.advance(timedelta(seconds=59))
    assert (await ready(district))[0] == 200
    district.clock.advance(timedelta(seconds=2))
    status, problem = await ready(district)
    assert (status, problem["code"]) == (503, "routing-behind")
    assert "3 lanes" in problem["detail"]
    assert TO_MARKET not in problem["detail"]  # anybody may ask
    for contract in district.cast.contracts:
        await running.router.catch_up(contract)
    district.clock.advance(timedelta(seconds=1))
    assert (await ready(district))[0] == 200


async def test_entries_of_other_feeds_and_lanes_keep_no_lane_behind(district: District) -> None:
    await district.push(listing())
    await district.withdraw(listing())
    running = district.running
    for contract in district.cast.contracts:
        await running.router.catch_up(contract)
    async with running.engine.connect() as connection:
        lags = await read_lags(connection)
    assert len(lags) == 2 * len(district.cast.contracts)
    assert not [lag for lag in lags if lag.unrouted_since]


async def test_not_ready_when_background_work_ended(district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    running = district.running

    async def end(_: Running) -> None:
        raise RuntimeError

    monkeypatch.setattr(Running, "_route", end)
    running.start()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    status, problem = await ready(district)
    assert (status, problem["code"]) == (503, "background-ended")
    running._background.clear()  # so that the fixture's stop does not meet the error


async def test_not_ready_when_told_to_stop_and_healthy_still(district: District) -> None:
    district.running.wakeup.closed = True
    status, problem = await ready(district)
    assert (status, problem["code"]) == (503, "stopping")
    assert (await district.send(httpx.Request("GET", "http://gateway.test/healthz"))).status_code == 200


async def test_not_ready_when_the_database_is_away(district: District) -> None:
    engine = open_engine(f"postgresql+asyncpg://127.0.0.1:{free_port()}/nobody-listens")
    district.running.metrics = Metrics(engine, district.clock)
    status, problem = await ready(district)
    assert (status, problem["code"]) == (503, "journal-away")
    await engine.dispose()


async def test_not_ready_where_another_version_has_changed_the_tables(district: District) -> None:
    async with district.running.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    status, problem = await ready(district)
    assert (status, problem["code"]) == (503, "schema-outdated")


async def test_the_agent_s_metrics(district: District, agent: Agent) -> None:
    await district.push(listing())
    await agent.follow()
    assert (await agent.screen())["decision"] == "block"
    assert (await agent.screen("A-2", name="另一家公司", identifiers=[]))["decision"] == "clear"
    district.clock.advance(timedelta(seconds=5))
    found = read_samples(await agent.web.get("/metrics"))
    contract = {"contract": TO_MARKET}
    assert of(found, "fuyuan_agent_decisions_total", decision="block") == 1
    assert of(found, "fuyuan_agent_decisions_total", decision="clear") == 1
    assert of(found, "fuyuan_agent_screening_seconds_count") == 2
    assert of(found, "fuyuan_agent_list_age_seconds", **contract) == 5
    assert of(found, "fuyuan_agent_holds", **contract) == 2
    assert of(found, "fuyuan_agent_receipts", **contract) == 2
    assert of(found, "fuyuan_agent_orders", **contract) == of(found, "fuyuan_agent_pending", **contract) == 0
    assert of(found, "fuyuan_agent_unknown", **contract) == of(found, "fuyuan_agent_kill_switch", **contract) == 0
    assert of(found, "fuyuan_requests_total", route="/v1/screenings", status="200") == 2


async def test_the_page_on_operations_names_every_metric_and_no_other(district: District, agent: Agent) -> None:
    await agent.follow()
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    told = {
        name.removesuffix("_total")
        for name in re.findall(r"^\| (`fuyuan_.*?) +\|", page, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", name)
    }
    texts = (await scrape(district)).text + (await agent.web.get("/metrics")).text
    found = {name.removesuffix("_total") for name in re.findall(r"^# HELP (\w+)", texts, re.MULTILINE)}
    found = {name for name in found if not name.endswith("_created")}
    assert told == found | {"fuyuan_kafka_reached", "fuyuan_kafka_drift", "fuyuan_kafka_drift_found"}
