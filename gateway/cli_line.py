"""The command of a court's query-and-control line: it runs on the institution's own machine, beside its own system."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from schemas.line import Charset, Institution, Returns


def line(
    institution: Annotated[Institution, typer.Argument(help="Whose line it is: bank or land.")],
    desk: Annotated[Path, typer.Argument(file_okay=False, help="The folder for requests, answers and outcomes.")],
    state: Annotated[Path, typer.Option(help="File of what became of each request.")] = Path("line.sqlite"),
    every: Annotated[float, typer.Option(min=0.1, help="Seconds from one look to the next.")] = 30,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for an answer of the court's.")] = 180,
    keep: Annotated[int, typer.Option(min=1, help="Days to keep the words of what has ended.")] = 180,
    charset: Annotated[Charset, typer.Option(help="land: how values are coded.")] = "utf-8",
    returns: Annotated[Returns, typer.Option(help="bank: how a request is sent back.")] = "feedback",
    once: Annotated[bool, typer.Option("--once", help="Do what can be done now, then end.")] = False,
    refused: Annotated[
        bool, typer.Option("--refused", help="Print the requests that something is wrong with.")
    ] = False,
) -> None:
    """Answer a court's queries and controls (查控) through a folder: FUYUAN_LINE_URL says where the court's line is."""
    from gateway.cli_process import begin
    from gateway.line.run import login_of, run_line, show_refused
    from gateway.wiring import open_line

    if refused:
        sys.exit(show_refused(state))
    settings = begin()
    wire = open_line(institution, *login_of(settings), charset, returns)
    running = run_line(wire, settings, desk, state, every=every, answer_seconds=timeout, keep_days=keep, once=once)
    sys.exit(asyncio.run(running))
