"""`fuyuan control`: the police side of enforcement control, over its own agent, from a terminal."""

from pathlib import Path
from typing import Annotated

import typer

control_app = typer.Typer(help="Enforcement control: what a court asks the police, and answers.", no_args_is_help=True)
AgentUrl = Annotated[str | None, typer.Option("--agent", help="Where the agent of the police listens.")]


@control_app.command("list")
def control_list(agent: AgentUrl = None) -> None:
    """Every request that stands, and the ids of those that were cancelled."""
    from gateway.agent.ask import agent_url, ask, show
    from gateway.settings import load_settings

    settings = load_settings()
    url = agent_url(agent, settings)
    typer.echo(show(ask(url, settings.agent_token_file, "GET", "/v1/control-requests")))


@control_app.command("check")
def control_check(request: str, files: list[Path], agent: AgentUrl = None) -> None:
    """Hold the files that came against the documents of a request: exit 1 where one is missing or another one."""
    from gateway.agent.ask import agent_url, ask
    from gateway.agent.control_documents import held_against
    from gateway.settings import load_settings
    from schemas.canonical import canonical

    settings = load_settings()
    url = agent_url(agent, settings)
    verdicts = held_against(ask(url, settings.agent_token_file, "GET", "/v1/control-requests"), request, files)
    for verdict in verdicts:
        typer.echo(canonical(verdict).decode())
    raise typer.Exit(0 if all(one["verdict"] == "same" for one in verdicts) else 1)


@control_app.command("answer")
def control_answer(
    request: Annotated[str, typer.Argument(help="The request's record id.")],
    answer: Annotated[str, typer.Argument(help="accepted, refused, in-force, sighted, handed-over, released, expired")],
    reference: Annotated[str, typer.Option(help="Your own number of this answer; the same again changes nothing.")],
    occurred_at: Annotated[str | None, typer.Option(help="When, 2026-01-31T08:00:00.000Z; now without it.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why it is refused, e.g. identity-unclear.")] = None,
    place: Annotated[str | None, typer.Option(help="Where somebody was sighted or handed over.")] = None,
    note: Annotated[str | None, typer.Option(help="What else the court should know.")] = None,
    contact: Annotated[str | None, typer.Option(help="Whom the court calls.")] = None,
    phone: Annotated[str | None, typer.Option(help="Under which number.")] = None,
    agent: AgentUrl = None,
) -> None:
    """Answer a request of the court's."""
    from gateway.agent.ask import agent_url, ask, show
    from gateway.clock import SystemClock, stamp
    from gateway.settings import load_settings
    from schemas.canonical import JsonObject

    settings = load_settings()
    url = agent_url(agent, settings)
    said: JsonObject = {
        "request": request,
        "answer": answer,
        "reference": reference,
        "occurred_at": occurred_at or stamp(SystemClock().now()),
        "reason": reason,
        "place": place,
        "note": note,
        "contact": {"name": contact, "phone": phone},
    }
    typer.echo(show(ask(url, settings.agent_token_file, "POST", "/v1/control-answers", said)))
