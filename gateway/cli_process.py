"""What every command begins with that runs as a process, until it is told to stop or has done its work."""

from gateway.log import catch_uncaught, configure_logging
from gateway.settings import Settings, load_settings


def begin() -> Settings:
    """The settings, with the log as they say. Raises Refused (`settings-invalid`).

    No traceback is printed of an error that nobody caught: its message may hold a record.
    """
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    catch_uncaught()
    return settings
