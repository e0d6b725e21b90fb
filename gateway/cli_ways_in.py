"""The commands of the ways in: they run on a party's own machine, beside its folder or its table."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli_options import LOCAL, ExistingFile, GatewayUrl, KeyFile
from gateway.errors import Refused


def watch(
    feed: str,
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Where the files are put.")],
    key: KeyFile,
    gateway: GatewayUrl = LOCAL,
    settle: Annotated[
        float, typer.Option(min=1, help="Seconds that a file must lie unchanged before it is read.")
    ] = 10,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds from one look to the next.")] = 5,
    done: Annotated[
        str | None, typer.Option(help="Read NAME only once NAME with this ending is there, e.g. .ok")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Take what lies there now, then end.")] = False,
) -> None:
    """Push every file that is put into a folder; the verdict is put beside it, as NAME.result.json."""
    from gateway.log import catch_uncaught, configure_logging
    from gateway.settings import load_settings
    from gateway.ways_in.run import watch_folder

    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    catch_uncaught()  # its message may hold a row
    sys.exit(
        asyncio.run(
            watch_folder(
                feed, folder, gateway=gateway, key=key, settle=settle, every=every, marker=done or None, once=once
            )
        )
    )


def front(
    mapping: ExistingFile,
    key: KeyFile,
    gateway: GatewayUrl = LOCAL,
    state: Annotated[Path, typer.Option(help="File of what was sent; one for each table.")] = Path("front.sqlite"),
    every: Annotated[float, typer.Option(min=0.1, help="Seconds from one look to the next.")] = 5,
    once: Annotated[bool, typer.Option("--once", help="Send what has changed until now, then end.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Compare the whole table, then end.")] = False,
    allow: Annotated[int, typer.Option(min=0, help="So many rows may change at once, this time.")] = 0,
    refused: Annotated[bool, typer.Option("--refused", help="Print the rows that are refused, and why.")] = False,
) -> None:
    """Push what changes in a department's front-end table (FUYUAN_FRONT_URL), as its mapping file describes it."""
    from gateway.log import catch_uncaught, configure_logging
    from gateway.settings import load_settings
    from gateway.ways_in.run import send_front, show_refusals
    from gateway.wiring import open_front
    from schemas.front import FrontFault

    if refused:
        sys.exit(show_refusals(state))
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    catch_uncaught()  # its message may hold a row
    if settings.front_url is None:
        raise Refused("front-settings", "Set FUYUAN_FRONT_URL to the database that the table is in.")
    try:
        table = open_front(settings.front_url, mapping)
    except FrontFault as fault:
        raise Refused("front-settings", f"{fault}.") from None
    sending = send_front(table, state, gateway=gateway, key=key, every=every, once=once, refresh=refresh, allow=allow)
    sys.exit(asyncio.run(sending))
