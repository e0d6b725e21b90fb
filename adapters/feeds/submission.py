"""A submission cut into its records, whatever it is: a workbook, CSV, or JSON in any packing, in UTF-8 or GB18030."""

from collections.abc import Iterator

from adapters.feeds.csv_rows import csv_rows
from adapters.feeds.encodings import encoding_of, from_utf8, to_utf8
from adapters.feeds.piece import Piece
from adapters.feeds.split import split
from adapters.feeds.workbook import is_workbook, workbook_rows


def pieces(data: bytes) -> Iterator[Piece]:
    """Every input record, in order, told apart by content alone. Nothing a source writes makes it raise."""
    if is_workbook(data):
        return workbook_rows(data)
    if (rows := csv_rows(data)) is not None:
        return rows
    if encoding_of(data) == "utf-8":
        return split(data)
    return _of_gb18030(data)


def _of_gb18030(data: bytes) -> Iterator[Piece]:
    for piece in split(to_utf8(data)):
        yield piece._replace(raw=from_utf8(piece.raw), utf8=piece.raw)
