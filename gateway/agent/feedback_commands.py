"""`fuyuan feedback`: what the agency says of a record that it got, over its own agent, from a terminal."""

from typing import Annotated
from urllib.parse import quote

import typer

feedback_app = typer.Typer(help="Accept, reject or dispute a record that came.", no_args_is_help=True)
AgentUrl = Annotated[str | None, typer.Option("--agent", help="Where the agency's agent listens.")]


@feedback_app.command("holds")
def feedback_holds(
    row: Annotated[str, typer.Argument(help="A row of the register, or the reference of a screening.")],
    agent: AgentUrl = None,
) -> None:
    """What is held there, for which records, and what was said of them."""
    from gateway.agent.ask import agent_url, ask, show
    from gateway.settings import load_settings

    settings = load_settings()
    url = agent_url(agent, settings)
    typer.echo(show(ask(url, settings.agent_token_file, "GET", f"/v1/holds?row={quote(row, safe='')}")))


@feedback_app.command("give")
def feedback_give(
    record: Annotated[str, typer.Argument(help="The record's id.")],
    answer: Annotated[str, typer.Argument(help="accepted, rejected or disputed")],
    reference: Annotated[str, typer.Option(help="Your own number of what you say; the same again changes nothing.")],
    reason: Annotated[str | None, typer.Option(help="Why, e.g. identity-missing or content-inaccurate.")] = None,
    row: Annotated[str | None, typer.Option(help="Of which row, where its holder is not the person listed.")] = None,
    agent: AgentUrl = None,
) -> None:
    """Say it; the court reads it in a signed receipt."""
    from gateway.agent.ask import agent_url, ask, show
    from gateway.settings import load_settings
    from schemas.canonical import JsonObject

    settings = load_settings()
    url = agent_url(agent, settings)
    said: JsonObject = {"record": record, "answer": answer, "reference": reference, "reason": reason, "row": row}
    typer.echo(show(ask(url, settings.agent_token_file, "POST", "/v1/feedback", said)))
