"""By when each thing is owed. No law gives these clocks; a district agrees on them, and the settings say which."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from gateway.clock import CHINA
from gateway.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """`acknowledge`: from the request to whether the police take it on. `sighting`: from a sighting to the court's
    hearing of it. `cancel`: from the court's cancel to the word that the control is lifted. `expire`: from the end of
    the last day to the word that it is over.
    """

    acknowledge: timedelta
    sighting: timedelta
    cancel: timedelta
    expire: timedelta

    def expired_by(self, valid_until: date) -> datetime:
        """When the police must have said that a control is over whose last day this is."""
        return datetime.combine(valid_until + timedelta(days=1), time(), CHINA) + self.expire


def limits_of(settings: Settings) -> Limits:
    return Limits(
        acknowledge=timedelta(minutes=settings.control_acknowledge_minutes),
        sighting=timedelta(minutes=settings.control_sighting_minutes),
        cancel=timedelta(minutes=settings.control_cancel_minutes),
        expire=timedelta(hours=settings.control_expire_hours),
    )
