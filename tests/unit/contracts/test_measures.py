"""The catalogue of measures: no measure without a law."""

import pytest
from pydantic import ValidationError

from contracts.lint import BLOCKING_FEEDS
from contracts.measures import Catalogue, catalogue


def test_every_measure_has_a_law_and_bears_on_a_feed_that_may_block() -> None:
    assert catalogue().measures
    for measure in catalogue().measures:
        assert measure.legal_basis
        assert set(measure.feeds) <= BLOCKING_FEEDS
        assert catalogue().find(measure.code) is measure
    assert catalogue().find("pillory") is None


def test_a_code_stands_once() -> None:
    measure = catalogue().measures[0]
    with pytest.raises(ValidationError, match="stands twice"):
        Catalogue(edition=1, in_force_from=catalogue().in_force_from, measures=(measure, measure))


def test_a_measure_without_a_law_is_refused() -> None:
    members = catalogue().model_dump(mode="json")
    members["measures"][0]["legal_basis"] = []
    with pytest.raises(ValidationError):
        Catalogue.model_validate(members)
