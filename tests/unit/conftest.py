"""What unit tests share."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway.log import configure_logging


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """The process's log as `fuyuan serve` writes it, JSON lines; undone afterwards."""
    handlers, level = logging.root.handlers, logging.root.level
    stream = io.StringIO()
    configure_logging("json", "debug", stream=stream)
    yield stream
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.captureWarnings(False)
    logging.root.handlers = handlers
    logging.root.setLevel(level)
