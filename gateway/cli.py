"""The command line, `fuyuan`. Each command reads its arguments and calls one part, imported inside to start fast."""

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from contracts.load import ContractFileError
from gateway.agent.control_commands import control_app
from gateway.agent.feedback_commands import feedback_app
from gateway.cli_line import line
from gateway.cli_options import LOCAL, ExistingFile, GatewayUrl, KeyFile
from gateway.cli_ways_in import fetch, front, sftp, sheet, watch
from gateway.errors import FuyuanError
from gateway.trust.keys import BadKey

app = typer.Typer(
    name="fuyuan",
    help="Data-sharing gateway between courts and agencies (府院联动).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
contract_app = typer.Typer(help="Contracts: check, sign, preview, and put in force.", no_args_is_help=True)
keys_app = typer.Typer(help="Keys of a party.", no_args_is_help=True)
kafka_app = typer.Typer(help="Topics, ACLs and users at the Kafka brokers.", no_args_is_help=True)
database_app = typer.Typer(help="The journal's database.", no_args_is_help=True)
party_app = typer.Typer(help="Parties that the gateway admits.", no_args_is_help=True)
app.add_typer(contract_app, name="contract")
app.add_typer(keys_app, name="keys")
app.add_typer(control_app, name="control")
app.add_typer(feedback_app, name="feedback")
app.add_typer(party_app, name="party")
app.add_typer(kafka_app, name="kafka")
app.add_typer(database_app, name="database")
app.command()(watch)
app.command()(front)
app.command()(line)
app.command()(fetch)
app.command()(sheet)
app.command()(sftp)


class Story(StrEnum):
    LIST = "list"
    DISTRICT = "district"


def main() -> None:
    """Run the command line; a known error is one sentence on stderr and exit 1, never a traceback."""
    try:
        app()
    except FuyuanError as error:
        sys.stderr.write(f"{error.code}: {error.detail}\n")
        sys.exit(1)
    except (ContractFileError, BadKey) as error:
        sys.stderr.write(f"file-unusable: {error}\n")
        sys.exit(1)


@app.command()
def demo(
    data: Annotated[Path | None, typer.Option(help="Keep the run's files here.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running and print the addresses.")] = False,
    kafka: Annotated[str | None, typer.Option(help="Kafka brokers, host:port; `make kafka` runs one.")] = None,
    story: Annotated[
        Story, typer.Option(help="One list, or one day of a district with every flow in it.")
    ] = Story.LIST,
) -> None:
    """A whole story in one run: a court lists, agencies block, payment withdraws, and all of it is proved."""
    if story is Story.DISTRICT:
        from gateway.demo.district import run_district as run
    else:
        from gateway.demo.listing import run_listing as run

    sys.exit(asyncio.run(run(data, keep=keep, kafka=kafka)))


@app.command()
def normalise(feed: str, file: Path) -> None:
    """Read a file as the adapters do, off-line: one JSON line for each input record."""
    from gateway.normalise import normalise_file
    from gateway.wiring import read_feed

    sys.exit(normalise_file(feed, file, read_feed, sys.stdout.buffer, sys.stderr))


@app.command()
def serve() -> None:
    """Run the gateway. `fuyuan settings` lists what can be set."""
    from gateway.serve import serve as run
    from gateway.settings import load_settings

    run(load_settings())


@app.command()
def agent() -> None:
    """Run the agency side: the follower and the screening service."""
    from gateway.agent.run import run_agent
    from gateway.settings import load_settings

    run_agent(load_settings())


@app.command()
def address(
    identifier: Annotated[str, typer.Argument(help="As it is printed; - reads it from stdin, for a person's.")],
    on: Annotated[str | None, typer.Option(help="The day, 2026-01-31; today without it.")] = None,
    known_at: Annotated[str | None, typer.Option(help="As it was known then: 2026-01-31T08:00:00.000Z.")] = None,
    history: Annotated[bool, typer.Option("--history", help="With every version that ever came.")] = False,
    agent: Annotated[str | None, typer.Option(help="Where the court's agent listens.")] = None,
) -> None:
    """Where was a party to be served on a day, and by which statement? Asks the court's own agent."""
    from gateway.agent.ask import agent_url, show
    from gateway.agent.ask_address import ask_address
    from gateway.settings import load_settings

    settings = load_settings()
    asked = sys.stdin.readline().strip() if identifier == "-" else identifier
    url = agent_url(agent, settings)
    typer.echo(show(ask_address(url, settings.agent_token_file, asked, on=on, known_at=known_at, history=history)))


@app.command()
def push(
    feed: str,
    file: ExistingFile,
    key: KeyFile,
    gateway: GatewayUrl = LOCAL,
    relist: Annotated[
        bool, typer.Option("--relist", help="These records are listed again after a withdrawal.")
    ] = False,
    kafka: Annotated[str | None, typer.Option(help="Push through the party's topic: brokers, host:port.")] = None,
    keys: Annotated[
        Path | None, typer.Option(help="With --kafka: the gateway's public keys (JWK set).", exists=True)
    ] = None,
    kafka_password: Annotated[
        Path | None, typer.Option(help="With --kafka: file of the party's password there; plaintext without.")
    ] = None,
    kafka_ca: Annotated[
        Path | None,
        typer.Option(help="With --kafka: certificates (PEM) that the brokers' are signed with."),
    ] = None,
    wait: Annotated[float, typer.Option(help="With --kafka: seconds to wait for each receipt.")] = 60,
) -> None:
    """Send a file as a provider. The file's digest is the idempotency key, so running it again changes nothing."""
    from gateway.provider import open_client, push_file

    if kafka is None:
        sys.exit(asyncio.run(push_file(open_client(gateway, key), feed, file, relist=relist)))
    if keys is None:
        raise typer.BadParameter("--kafka needs --keys: a receipt counts only where the gateway's key signed it")
    from gateway.push.client import LARGEST_BODY, open_topic_client

    client = open_topic_client(kafka, key, keys, kafka_password, kafka_ca, wait)
    sys.exit(asyncio.run(push_file(client, feed, file, relist=relist, most_bytes=LARGEST_BODY)))


@app.command()
def withdraw(
    feed: str,
    key: KeyFile,
    reason: Annotated[str, typer.Option(help="Why it is withdrawn, e.g. performed.")],
    record: Annotated[str | None, typer.Option(help="The record id.")] = None,
    case: Annotated[str | None, typer.Option(help="The case number.")] = None,
    number: Annotated[str | None, typer.Option(help="The number of a control request.")] = None,
    name: Annotated[str | None, typer.Option(help="The debtor's name.")] = None,
    gateway: GatewayUrl = LOCAL,
    wait: Annotated[float, typer.Option(help="Seconds to wait for the agencies' releases.")] = 0,
    contract: Annotated[list[str] | None, typer.Option(help="A receipts contract to watch for releases.")] = None,
) -> None:
    """Withdraw a record, by its id or by case number and name, and see each agency's release."""
    from gateway.provider import withdraw_record

    sys.exit(
        asyncio.run(
            withdraw_record(
                gateway,
                key,
                feed,
                reason,
                record_id=record,
                number=number,
                case=case,
                name=name,
                wait=wait,
                contracts=contract or [],
            )
        )
    )


@app.command()
def receipts(contract: str, key: KeyFile, gateway: GatewayUrl = LOCAL) -> None:
    """Read the receipts of one agency, under the court's own contract: one JSON line each."""
    from gateway.provider import print_receipts

    sys.exit(asyncio.run(print_receipts(gateway, key, contract)))


@app.command()
def verify(file: ExistingFile, keys: Annotated[Path, typer.Option(exists=True, dir_okay=False)]) -> None:
    """Check events, receipts, checkpoints and contracts with public keys alone: one verdict a line."""
    from gateway.trust.verify_file import verify_file

    sys.exit(verify_file(file, keys, sys.stdout))


@app.command()
def settings() -> None:
    """Every setting with its value and meaning; secrets are hidden."""
    from gateway.settings import load_settings, render_settings

    for name, value, meaning in render_settings(load_settings()):
        typer.echo(f"{name:32} {value:40} {meaning}")


@app.command()
def doctor(
    agent: Annotated[
        bool | None, typer.Option("--agent/--gateway", help="Which side; the agent's where agent_contract is set.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each finding.")] = False,
) -> None:
    """Say what is wrong with keys, clock, database, brokers, contracts or lag, and what to do. Exit 1 if so."""
    from gateway.clock import SystemClock
    from gateway.doctor.report import run_doctor
    from gateway.settings import load_settings

    settings = load_settings()
    side = settings.agent_contract is not None if agent is None else agent
    sys.exit(asyncio.run(run_doctor(settings, SystemClock(), agent=side, as_json=as_json)))


@app.command()
def erase(feed: str, provider: str, record_id: str) -> None:
    """Erase every version of a record: bodies and salts go, proofs of everything else keep verifying (rule J7)."""
    from gateway.admin.commands import erase as run

    asyncio.run(run(feed, provider, record_id))


@keys_app.command("new")
def keys_new(party: str, file: Path, alg: str = "Ed25519") -> None:
    """Make a party's key: the private JWK goes into FILE (mode 0600), the public one to stdout."""
    from gateway.clock import SystemClock
    from gateway.trust.keys import SigningKey
    from schemas.canonical import canonical

    key = SigningKey.generate(party, SystemClock().now(), alg)
    key.save(file)
    typer.echo(canonical(key.public().to_jwk()).decode())


@keys_app.command("list")
def keys_list() -> None:
    """Every key the gateway knows: party, thumbprint, and until when it is good."""
    from gateway.admin.commands import list_keys

    asyncio.run(list_keys())


@keys_app.command("jwks")
def keys_jwks() -> None:
    """Every public key as a JWK set, for agents and for `fuyuan verify`, to be handed over by another way."""
    from gateway.admin.commands import print_jwks

    asyncio.run(print_jwks())


@database_app.command("upgrade")
def database_upgrade() -> None:
    """Bring the database to the newest revision, as a user who may change its tables."""
    from gateway.admin.commands import upgrade_database

    asyncio.run(upgrade_database())


@database_app.command("check")
def database_check() -> None:
    """Compare the database with what this version needs, changing nothing. Exit 1 where it differs."""
    from gateway.admin.commands import check_database

    sys.exit(asyncio.run(check_database()))


@party_app.command("admit")
def party_admit(file: ExistingFile) -> None:
    """Enter a party and its public keys from its YAML file."""
    from gateway.admin.commands import admit_party

    asyncio.run(admit_party(file))


@contract_app.command("lint")
def contract_lint(file: ExistingFile) -> None:
    """Say what an official should know before signing. Exit 1 where something is wrong."""
    from gateway.admin.agreements import lint_agreement

    sys.exit(lint_agreement(file))


@contract_app.command("adopt")
def contract_adopt(file: ExistingFile, provider: ExistingFile, subscriber: ExistingFile) -> None:
    """Print an agreement with other parties, given by their public keys (JWK), and without its signatures."""
    from gateway.admin.agreements import adopt_agreement

    adopt_agreement(file, provider, subscriber)


@contract_app.command("sign")
def contract_sign(file: ExistingFile, key: KeyFile) -> None:
    """Add the signature of the key's party to an agreement file."""
    from gateway.admin.agreements import sign_agreement

    sign_agreement(file, key)


@contract_app.command("preview")
def contract_preview(file: ExistingFile) -> None:
    """Show what the subscriber would see, with made-up values."""
    from gateway.admin.agreements import preview_agreement

    preview_agreement(file)


@contract_app.command("export")
def contract_export(file: ExistingFile) -> None:
    """The signed contract as one JSON line, as `fuyuan verify` takes it."""
    from gateway.admin.agreements import export_agreement

    export_agreement(file)


@contract_app.command("activate")
def contract_activate(file: ExistingFile) -> None:
    """Put a signed agreement in force."""
    from gateway.admin.commands import activate_contract

    asyncio.run(activate_contract(file))


@contract_app.command("change")
def contract_change(contract: str, action: str) -> None:
    """Suspend, resume, revoke, confirm, end or close a contract."""
    from gateway.admin.commands import change_contract

    asyncio.run(change_contract(contract, action))


@contract_app.command("list")
def contract_list() -> None:
    """Every contract with its state and version, and where its lanes stand."""
    from gateway.admin.commands import list_contracts

    asyncio.run(list_contracts())


@kafka_app.command("access")
def kafka_access(
    mend: Annotated[bool, typer.Option("--mend", help="Put right what can be, then look again.")] = False,
) -> None:
    """What the contracts want at the brokers, what stands there, and what differs; exit 1 where something does."""
    from gateway.admin.kafka import show_access

    sys.exit(asyncio.run(show_access(mend=mend)))


@kafka_app.command("user")
def kafka_user(
    party: str,
    file: Annotated[Path | None, typer.Option(help="Where the password is written; it may not be there yet.")] = None,
) -> None:
    """Make a party's user at the brokers, or give it a new password."""
    from gateway.admin.kafka import new_user

    asyncio.run(new_user(party, file))


if __name__ == "__main__":
    main()
