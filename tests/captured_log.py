"""The log of this process while a test runs."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from gateway.log import configure_logging


@contextmanager
def captured_log() -> Iterator[io.StringIO]:
    """The process's log as `fuyuan serve` writes it, JSON lines at debug level; undone afterwards."""
    handlers, level = logging.root.handlers, logging.root.level
    stream = io.StringIO()
    configure_logging("json", "debug", stream=stream)
    try:
        yield stream
    finally:
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
        logging.captureWarnings(False)
        logging.root.handlers = handlers
        logging.root.setLevel(level)
