"""The commands of the ways in: they run on a party's own machine, beside its folder or its table."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli_options import LOCAL, ExistingFile, GatewayUrl, KeyFile
from gateway.errors import BadRequest, Refused, TooLarge

Every = Annotated[float, typer.Option(min=0.1, help="Seconds from one look to the next.")]
Done = Annotated[str | None, typer.Option(help="Read NAME only once NAME with this ending is there, e.g. .ok")]
TakeOnce = Annotated[bool, typer.Option("--once", help="Take what lies there now, then end.")]
SendOnce = Annotated[bool, typer.Option("--once", help="Send what has changed until now, then end.")]
Allow = Annotated[int, typer.Option(min=0, help="So many may change at once, this time.")]
SETTLE = "Seconds that a file must lie unchanged before it is read."
LARGEST_SHEET = 32 * 1024 * 1024  # bytes; a copy of it is made in memory


def watch(
    feed: str,
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Where the files are put.")],
    key: KeyFile,
    gateway: GatewayUrl = LOCAL,
    settle: Annotated[float, typer.Option(min=1, help=SETTLE)] = 10,
    every: Every = 5,
    done: Done = None,
    once: TakeOnce = False,
) -> None:
    """Push every file that is put into a folder; the verdict is put beside it, as NAME.result.json."""
    from gateway.cli_process import begin
    from gateway.ways_in.folder import LocalFolder
    from gateway.ways_in.run import watch_folder

    begin()
    watching = watch_folder(
        feed, LocalFolder(folder), gateway=gateway, key=key, settle=settle, every=every, marker=done or None, once=once
    )
    sys.exit(asyncio.run(watching))


def sftp(
    feed: str,
    url: Annotated[str, typer.Argument(help="sftp://user@host/folder")],
    key: KeyFile,
    host_keys: Annotated[
        Path, typer.Option(help="The server's public key, as known_hosts has it.", exists=True, dir_okay=False)
    ],
    identity: Annotated[
        Path | None, typer.Option(help="File of the private key to log in with.", exists=True, dir_okay=False)
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="Or file of the password.", exists=True, dir_okay=False)
    ] = None,
    gateway: GatewayUrl = LOCAL,
    settle: Annotated[float, typer.Option(min=2, help=SETTLE)] = 10,  # times are told to the second
    every: Every = 60,
    done: Done = None,
    once: TakeOnce = False,
) -> None:
    """Push every file that is put into a folder of another machine, as watch does; the verdict is put beside it."""
    from gateway.cli_process import begin
    from gateway.ways_in.run import watch_folder
    from gateway.ways_in.sftp import sftp_folder

    begin()
    folder = sftp_folder(url, host_keys, identity, password_file)
    watching = watch_folder(
        feed, folder, gateway=gateway, key=key, settle=settle, every=every, marker=done or None, once=once
    )
    sys.exit(asyncio.run(watching))


def front(
    mapping: ExistingFile,
    key: KeyFile,
    gateway: GatewayUrl = LOCAL,
    state: Annotated[Path, typer.Option(help="File of what was sent; one for each table.")] = Path("front.sqlite"),
    every: Every = 5,
    once: SendOnce = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Compare the whole table, then end.")] = False,
    allow: Allow = 0,
    refused: Annotated[bool, typer.Option("--refused", help="Print the rows that are refused, and why.")] = False,
) -> None:
    """Push what changes in a department's front-end table (FUYUAN_FRONT_URL), as its mapping file describes it."""
    from gateway.cli_process import begin
    from gateway.trust.private_file import read_secret
    from gateway.ways_in.run import send_front, show_refusals
    from gateway.wiring import open_front
    from schemas.front import FrontFault

    if refused:
        sys.exit(show_refusals(state))
    settings = begin()
    if settings.front_url is None:
        raise Refused("front-settings", "Set FUYUAN_FRONT_URL to the database that the table is in.")
    password = None if settings.front_password_file is None else read_secret(settings.front_password_file)
    try:
        table = open_front(settings.front_url, mapping, password)
    except FrontFault as fault:
        raise Refused("front-settings", f"{fault}.") from None
    sending = send_front(table, state, gateway=gateway, key=key, every=every, once=once, refresh=refresh, allow=allow)
    sys.exit(asyncio.run(sending))


def fetch(
    mapping: ExistingFile,
    key: KeyFile,
    gateway: GatewayUrl = LOCAL,
    state: Annotated[Path, typer.Option(help="File of what was sent; one for each interface.")] = Path("fetch.sqlite"),
    every: Every = 300,
    once: SendOnce = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Compare all records, then end.")] = False,
    allow: Allow = 0,
    refused: Annotated[bool, typer.Option("--refused", help="Print the records that are refused, and why.")] = False,
) -> None:
    """Read a department's interface page by page, as its mapping file describes it, and push what changes there."""
    from gateway.cli_process import begin
    from gateway.clock import SystemClock
    from gateway.trust.private_file import read_secret
    from gateway.ways_in.run import send_front, show_refusals
    from gateway.wiring import open_interface
    from schemas.front import FrontAway, FrontFault

    if refused:
        sys.exit(show_refusals(state))
    settings = begin()
    token = "" if settings.fetch_token_file is None else read_secret(settings.fetch_token_file)
    try:
        interface = open_interface(mapping, token, state.with_name(state.name + ".pages"), SystemClock())
    except (FrontFault, FrontAway) as fault:
        raise Refused("fetch-settings", f"{fault}.") from None
    sending = send_front(
        interface, state, gateway=gateway, key=key, every=every, once=once, refresh=refresh, allow=allow
    )
    sys.exit(asyncio.run(sending))


def sheet(feed: str, file: ExistingFile, key: KeyFile, gateway: GatewayUrl = LOCAL) -> None:
    """Push a clerk's table, XLSX or CSV; beside it a copy, FILE.verdict.xlsx, says what became of each row."""
    from gateway.cli_process import begin
    from gateway.provider import open_client
    from gateway.ways_in.sheet import send_sheet
    from gateway.wiring import open_sheet
    from schemas.sheet import SheetFault

    begin()
    if file.stat().st_size > LARGEST_SHEET:
        raise TooLarge("sheet-too-large", f"The file has more than {LARGEST_SHEET // 2**20} MiB; push it, or cut it.")
    try:
        table = open_sheet(file.read_bytes())
    except SheetFault as fault:
        raise BadRequest("sheet-unreadable", f"Nothing was sent: {fault}.") from None
    sys.exit(asyncio.run(send_sheet(open_client(gateway, key), feed, file, table)))
