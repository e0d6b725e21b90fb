"""How often Python looks for cycles of objects that refer to one another."""

import gc
from typing import Final

NEW_OBJECTS: Final = 50_000  # between two looks


def collect_rarely() -> None:
    """Look for cycles less often than after Python's 700 new objects.

    A chunk of 1,000 records is some 27,000 objects that live until it is sealed, and a page of 500 events as many until
    it is applied. To walk them forty times took a tenth of a record's way in, and found nothing.
    """
    gc.set_threshold(NEW_OBJECTS)
