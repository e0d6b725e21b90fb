"""A gateway as an operator's tools see it: /metrics and /readyz."""

from datetime import timedelta
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.district import District


async def scrape(district: District, **headers: str) -> httpx.Response:
    district.clock.advance(timedelta(seconds=1))  # what was read a second ago is read again
    token = district.running.settings.metrics_token_file.read_text("ascii").strip()
    given = {"authorization": f"Bearer {token}"} | headers
    return await district.send(httpx.Request("GET", "http://gateway.test/metrics", headers=given))


async def samples(district: District) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await scrape(district)
    assert answer.status_code == 200
    return read_samples(answer)


def read_samples(answer: httpx.Response) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(found: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


async def ready(district: District) -> tuple[int, dict[str, Any]]:
    answer = await district.send(httpx.Request("GET", "http://gateway.test/readyz"))
    return answer.status_code, answer.json()
