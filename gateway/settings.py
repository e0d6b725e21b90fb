"""What an operator can set: environment `FUYUAN_*`, or one TOML file named by `FUYUAN_CONFIG`, or the default.

The environment wins over the file. The file is flat, its keys are the names below; an unknown key is an error, since
a misspelt limit must not silently leave the default in force.
"""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

import contracts
from gateway.errors import Refused

PREFIX = "FUYUAN_"
CONFIG = "FUYUAN_CONFIG"
CONTRACTS = Path(contracts.__file__ or "").parent
URLS_WITH_PASSWORDS = frozenset({"database_url", "front_url", "line_url", "register_url"})

Port = Annotated[int, Field(ge=0, le=65535)]
PartyId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{2,63}$")]


class Settings(BaseSettings):
    """Times in seconds, sizes in bytes. Relative paths start at the working directory."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    data_dir: Path = Field(Path("data"), description="Where the gateway keeps its files.")
    database_url: str = Field(
        default_factory=lambda data: f"sqlite+aiosqlite:///{data['data_dir'] / 'journal.sqlite'}",
        description="The journal's database, as a SQLAlchemy URL; a SQLite file under data_dir by default.",
        repr=False,
    )
    database_connections: int = Field(
        10, ge=2, le=200, description="Connections that one gateway keeps to PostgreSQL at most."
    )
    key_dir: Path = Field(
        default_factory=lambda data: data["data_dir"] / "keys",
        description="The gateway's own secret keys, one file each.",
    )
    agreements_dir: Path = Field(CONTRACTS / "agreements", description="Contracts (YAML) that `fuyuan demo` plays.")
    parties_dir: Path = Field(CONTRACTS / "parties", description="Their parties, with names and public keys (YAML).")
    party: PartyId = Field("fuyuan-gateway", description="The gateway's own party id.")
    audience: str = Field(
        "fuyuan-gateway", min_length=1, description="The name that requests must be signed for (rule P2)."
    )
    host: str = Field("127.0.0.1", description="Address to listen on; another than loopback only where it is set here.")
    port: Port = Field(8440, description="Port to listen on; 0 takes a free one.")
    max_body_bytes: int = Field(64 * 1024 * 1024, ge=1024, description="The largest request body, in bytes.")
    signature_skew_seconds: int = Field(
        300, ge=1, le=3600, description="How far a signature's time may lie from the gateway's clock."
    )
    batch_records: int = Field(1000, ge=1, le=1000, description="Records in one sealed batch at most (rule J3).")
    reading_processes: int = Field(
        default_factory=lambda: min(4, (os.cpu_count() or 1) - 1),
        ge=0,
        le=32,
        description="Processes that read long lists beside the gateway's own at most; by default one less than cores.",
    )
    long_poll_max_seconds: float = Field(30, ge=0, le=60, description="How long a pull may wait for events.")
    kafka_bootstrap: str | None = Field(
        None, description="Kafka brokers that lanes are sent to, as host:port with commas; nothing is sent without."
    )
    kafka_security: Literal["plaintext", "sasl_ssl"] = Field(
        "plaintext", description="How Kafka is reached: sasl_ssl (SCRAM-SHA-512 over TLS), or plaintext to try it out."
    )
    kafka_user: str = Field(
        "fuyuan-gateway", pattern=r"^[A-Za-z0-9._-]{1,64}$", description="The gateway's own user at the brokers."
    )
    kafka_password_file: Path | None = Field(None, description="File of that user's password.")
    kafka_ca_file: Path | None = Field(
        None, description="File of the certificates (PEM) that the brokers' are signed with; the system's without it."
    )
    kafka_retention_hours: int = Field(
        168, ge=1, le=8784, description="How long a topic keeps an event, in hours; older ones come by pull (rule D8)."
    )
    kafka_reconcile_seconds: float = Field(
        60, ge=1, le=86_400, description="How often topics, ACLs and users are compared with the contracts."
    )
    kafka_replication: int = Field(1, ge=1, le=7, description="On how many brokers each topic is kept.")
    kafka_intake: bool = Field(False, description="Whether providers may push through topics of their own, too.")
    ready_lag_seconds: float = Field(
        60, gt=0, description="The gateway is not ready while an entry waits longer for its number in a lane."
    )
    metrics_token_file: Path = Field(
        default_factory=lambda data: data["data_dir"] / "metrics.token",
        description="File of the bearer token that /metrics asks for; made at the first start where there is none.",
    )
    otlp_endpoint: Annotated[str, Field(pattern=r"^https?://[^@?#]+$")] | None = Field(
        None, description="Base URL of an OpenTelemetry collector (OTLP over HTTP); nothing is traced without it."
    )
    control_acknowledge_minutes: int = Field(
        60, ge=1, le=10_080, description="Enforcement control: by when the police say whether they take a request on."
    )
    control_sighting_minutes: int = Field(
        5, ge=1, le=1440, description="Enforcement control: how soon behind a sighting the court must hear of it."
    )
    control_cancel_minutes: int = Field(
        15, ge=1, le=1440, description="Enforcement control: by when the police say that a cancelled control is lifted."
    )
    control_expire_hours: int = Field(
        24, ge=1, le=720, description="Enforcement control: by when they say so behind the control's last day."
    )
    log_format: Literal["json", "console"] = Field("json", description="How log lines are written: json or console.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least level that is logged."
    )

    front_url: str | None = Field(
        None, description="`fuyuan front`: the front-end table's database, as a SQLAlchemy URL.", repr=False
    )
    front_password_file: Path | None = Field(None, description="`fuyuan front`: file of that database's password.")
    line_url: Annotated[str, Field(pattern=r"^https?://[^@?#\s]+$")] | None = Field(
        None, description="`fuyuan line`: where the court's query-and-control service is.", repr=False
    )
    line_unencrypted: bool = Field(
        False, description="`fuyuan line`: whether login and accounts may go over http to another machine."
    )
    line_user: str | None = Field(None, description="`fuyuan line`: the institution's user there.")
    line_password_file: Path | None = Field(None, description="`fuyuan line`: file of that user's password.")
    line_ca_file: Path | None = Field(
        None, description="`fuyuan line`: file of the certificates (PEM) that the service's is signed with."
    )
    fetch_token_file: Path | None = Field(
        None, description="`fuyuan fetch`: file of the secret that the interface's digests are made with."
    )

    agent_host: str = Field("127.0.0.1", description="Agent: address of the screening service.")
    agent_port: Port = Field(8441, description="Agent: port of the screening service; 0 takes a free one.")
    gateway_url: str = Field("http://127.0.0.1:8440", description="Agent: where the gateway listens.")
    agent_contract: str | None = Field(None, description="Agent: the contract that it follows.")
    agent_party_key: Path | None = Field(None, description="Agent: file of the agency's private key (JWK).")
    agent_trusted_keys: Path | None = Field(
        None, description="Agent: file of the public keys that it trusts (JWK set): the gateway's and both parties'."
    )
    agent_token_file: Path | None = Field(
        None, description="Agent: file of the bearer token that screenings must carry; none is asked for without it."
    )
    agent_data_dir: Path = Field(Path("agent-data"), description="Agent: where its index is kept.")
    agent_kafka_bootstrap: str | None = Field(
        None, description="Agent: Kafka brokers to follow, as host:port with commas; it pulls without them."
    )
    agent_kafka_security: Literal["plaintext", "sasl_ssl"] = Field(
        "plaintext", description="Agent: how Kafka is reached, as kafka_security."
    )
    agent_kafka_user: str | None = Field(
        None, description="Agent: its user at the brokers; without it the one that is made for its party."
    )
    agent_kafka_password_file: Path | None = Field(None, description="Agent: file of that user's password.")
    agent_kafka_ca_file: Path | None = Field(
        None, description="Agent: file of the certificates (PEM) that the brokers' are signed with."
    )
    register_url: str | None = Field(
        None, description="Agent: the agency's own register, as a SQLAlchemy URL.", repr=False
    )
    register_mapping: Path | None = Field(None, description="Agent: file that maps the register's columns.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the framework's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; no `.env` is looked for."""
        file = os.environ.get(CONFIG)
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, Path(file) if file else None)


def load_settings() -> Settings:
    """The settings in force. Raises Refused (`settings-invalid`), naming the setting and never its value."""
    file = os.environ.get(CONFIG)
    if file and not Path(file).is_file():
        raise Refused("settings-invalid", f"{CONFIG} names a file that is not there.")
    try:
        return Settings()
    except tomllib.TOMLDecodeError:
        raise Refused("settings-invalid", f"The file that {CONFIG} names is no TOML.") from None
    except ValidationError as error:
        wrong = [f"{_path(one['loc'])}: {one['msg']}" for one in error.errors(include_input=False, include_url=False)]
        raise Refused("settings-invalid", "; ".join(wrong)) from None


def render_settings(settings: Settings) -> list[tuple[str, str, str]]:
    """(environment name, value, meaning) of each setting. Passwords in URLs are hidden."""
    return [
        (PREFIX + name.upper(), _shown(name, getattr(settings, name)), field.description or "")
        for name, field in Settings.model_fields.items()
    ]


def _shown(name: str, value: object) -> str:
    if value is None:
        return "-"
    if name not in URLS_WITH_PASSWORDS:
        return str(value)
    try:
        return make_url(str(value)).render_as_string(hide_password=True)
    except ArgumentError:
        return "(unreadable)"


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)
