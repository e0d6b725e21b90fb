"""What ails an agency's agent: looked at from its own machine, with its settings, whether or not it runs."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import httpx
import orjson

from contracts.model import Terms
from gateway.agent.parts import Parts, open_parts
from gateway.agent.status import Status, read_status
from gateway.agent.trusted import Trust, read_trusted_keys
from gateway.client import GatewayClient
from gateway.clock import Clock, china_date, unstamp
from gateway.doctor.finding import SOON, Finding, in_words, since
from gateway.doctor.keys import check_end, check_file
from gateway.doctor.topics import check_topics
from gateway.errors import FuyuanError
from gateway.retry import Patience
from gateway.settings import Settings
from gateway.trust.keys import KeySet, SigningKey
from gateway.wiring import open_register
from schemas.canonical import unb64u

SLOW: Final = timedelta(minutes=10)  # an outbox is empty in seconds when nothing is wrong
PROBE: Final = (("cn-org", "00000000-0"),)  # looked up in the register; nobody has it

WHY_UNKNOWN: Final = {
    "verification-failed": "what the gateway sent did not verify",
    "contract-unread": "the contract in force was not read yet",
    "contract-ended": "the contract has ended",
    "list-incomplete": "the list is not complete yet",
    "contract-not-active": "the contract is not active",
    "list-stale": "the list is older than its lease",
}

REMEDIES: Final = {
    "gateway-unreachable": "See that FUYUAN_GATEWAY_URL is right and that nothing between blocks it.",
    "signature-stale": "Let a time service keep this machine's clock.",
    "contract-unverified": "Get the trusted keys anew; if it stays so, call the gateway's operator.",
    "unknown-contract": "See that FUYUAN_AGENT_CONTRACT and the agency's key belong together.",
}


async def examine_agent(
    settings: Settings, clock: Clock, transport: httpx.AsyncBaseTransport | None = None
) -> list[Finding]:
    """Every finding; `ok` for each area in which there is none. `transport` is the line to the gateway."""
    contract, key_file, trusted_file = (
        settings.agent_contract,
        settings.agent_party_key,
        settings.agent_trusted_keys,
    )
    if contract is None or key_file is None or trusted_file is None:
        return [
            Finding(
                "error",
                "keys",
                "settings-missing",
                "An agent needs agent_contract, agent_party_key and agent_trusted_keys.",
                "Set them; docs/agent.md says what each is.",
            )
        ]
    if (wrong := check_file(key_file)) is not None:
        return [wrong]
    try:
        key, trusted = SigningKey.load(key_file), read_trusted_keys(trusted_file)
    except FuyuanError as error:
        return [Finding("error", "keys", error.code, error.detail, "Put the right file there.")]
    now = clock.now()
    found = _keys(key, trusted, settings.party, now)
    trust = Trust(trusted, settings.party, contract, key.party, clock)
    async with GatewayClient(
        settings.gateway_url, key, settings.audience, clock, transport, patience=Patience(attempts=1)
    ) as client:
        found += await _gateway(client, trust, trusted, settings.party, contract, now)
    status, listed = await asyncio.to_thread(_index, settings, clock)
    found += listed
    if status is not None:
        found += await check_topics(settings, key.party, status, now)
    return found + await asyncio.to_thread(_register, settings)


def _keys(key: SigningKey, trusted: KeySet, gateway: str, now: datetime) -> list[Finding]:
    found = []
    if not any(one.validity.current_at(now) for one in trusted.of_party(gateway)):
        found.append(
            Finding(
                "error",
                "keys",
                "gateway-key-unknown",
                f"The trusted keys hold none of {gateway} that is in force.",
                "Get the gateway's key set anew by another way than its address, compare it, and put it there.",
            )
        )
    own = trusted.find(key.kid)
    if own is None:
        found.append(
            Finding(
                "error",
                "keys",
                "own-key-unknown",
                f"The trusted keys do not hold this agency's own key ({key.party}): its contract cannot be verified.",
                "Have the gateway's operator admit it, and get the key set anew.",
            )
        )
    else:
        found += check_end(own, now, "This agency's key")
    return found or [Finding("ok", "keys", "keys", f"{len(trusted)} keys are trusted, this agency's among them.")]


async def _gateway(
    client: GatewayClient, trust: Trust, trusted: KeySet, gateway: str, contract: str, now: datetime
) -> list[Finding]:
    """One signed call: it shows address, clock, key, audience and contract at once."""
    try:
        terms = trust.terms(await client.contract(contract))
        offered = KeySet.from_jwks(await client.keys())
    except FuyuanError as error:
        area: Final = "clock" if error.code == "signature-stale" else "gateway"
        return [
            Finding(
                "error",
                area,
                error.code,
                error.detail,
                REMEDIES.get(error.code, "The gateway's operator can say more of this code."),
            )
        ]
    except ValueError:
        return [
            Finding(
                "error",
                "gateway",
                "answer-unreadable",
                "The gateway's key set cannot be read.",
                REMEDIES["gateway-unreachable"],
            )
        ]
    found = _ends(terms, now)
    fresh = [one for one in offered.of_party(gateway) if one.validity.current_at(now)]
    if any(trusted.find(one.kid) is None for one in fresh):
        found.append(
            Finding(
                "warning",
                "gateway",
                "gateway-key-new",
                "The gateway has a key that is not among the trusted ones.",
                "Get its key set anew by another way than its address, before it seals with that key.",
            )
        )
    told = f"It answers, and {contract} version {terms.version} is signed by both parties."
    return found or [Finding("ok", "gateway", "gateway", told)]


def _ends(terms: Terms, now: datetime) -> list[Finding]:
    if terms.valid_until - china_date(now) >= SOON:
        return []
    words = f"{terms.id} ends on {terms.valid_until}."
    return [
        Finding(
            "warning", "gateway", "contract-ends-soon", words, "Agree on a new version; afterwards nobody is screened."
        )
    ]


def _index(settings: Settings, clock: Clock) -> tuple[Status | None, list[Finding]]:
    """How the agent stands, where that can be read, and what is found of it."""
    if not (settings.agent_data_dir / "index").is_dir():
        return None, [
            Finding(
                "error",
                "list",
                "index-missing",
                "There is no index: this agent has never run, or runs elsewhere.",
                "Start `fuyuan agent`, or set FUYUAN_AGENT_DATA_DIR.",
            )
        ]
    try:
        parts = open_parts(settings, clock)
    except FuyuanError as error:
        return None, [Finding("error", "list", error.code, error.detail)]
    try:
        status = read_status(parts, clock)
        oldest = _oldest_receipt(parts)
        found = _list(status, settings) + _outbox(status, oldest, clock.now())
    finally:
        parts.index.close()
    well = Finding("ok", "list", "list", f"Complete, {status.age_seconds} s old, {status.holds} holds stand.")
    return status, found or [well]


def _list(status: Status, settings: Settings) -> list[Finding]:
    found = []
    if status.unknown is not None:
        age = "" if status.age_seconds is None else f", {in_words(timedelta(seconds=status.age_seconds))} old"
        failure = f" ({status.standing.failure})" if status.standing.failure else ""
        found.append(
            Finding(
                "error",
                "list",
                status.unknown,
                f"Every decision is unknown{age}: {WHY_UNKNOWN.get(status.unknown, status.unknown)}{failure}.",
                "See that `fuyuan agent` runs, what its log says, and what is found of the gateway.",
            )
        )
    found += _behind(status)
    if status.kill_switch:
        found.append(
            Finding(
                "warning",
                "list",
                "kill-switch",
                "The kill switch is on: nothing new is blocked.",
                f"Remove {settings.agent_data_dir / 'kill-switch'} when that is no longer wanted.",
            )
        )
    return found


def _behind(status: Status) -> list[Finding]:
    if status.unknown is not None or not status.lagging:
        return []
    old = timedelta(seconds=status.age_seconds or 0)
    return [
        Finding(
            "warning",
            "list",
            "list-behind",
            f"{status.standing.behind} events are not applied yet, and the list is {in_words(old)} old; "
            "decisions are unknown once its lease is over.",
            "See that `fuyuan agent` runs, what its log says, and what is found of gateway and broker.",
        )
    ]


def _outbox(status: Status, oldest: datetime | None, now: datetime) -> list[Finding]:
    found = []
    if status.aside:
        found.append(
            Finding(
                "error",
                "list",
                "receipts-aside",
                f"The gateway refused {status.aside} receipts ({', '.join(status.aside_codes)}).",
                "Call the gateway's operator with these codes; nothing is sent again by itself.",
            )
        )
    if oldest is not None and now - oldest > SLOW:
        found.append(
            Finding(
                "warning",
                "list",
                "receipts-waiting",
                f"{status.receipts} receipts wait, the oldest since {since(oldest, now)}.",
                "They wait for the gateway, or for the register's row that they tell of.",
            )
        )
    if status.orders and not status.kill_switch:
        found.append(
            Finding(
                "warning",
                "list",
                "orders-waiting",
                f"{status.orders} orders to the register wait.",
                "If they still do in a minute, see what is found of the register.",
            )
        )
    return found


def _oldest_receipt(parts: Parts) -> datetime | None:
    """When the first receipt in the outbox was signed."""
    with parts.index.read() as view:
        for _, value in view.items("receipts"):
            payload = orjson.loads(unb64u(str(orjson.loads(value)["token"]).split(".")[1]))
            return unstamp(payload["at"])
    return None


def _register(settings: Settings) -> list[Finding]:
    url, mapping = settings.register_url, settings.register_mapping
    if url is None and mapping is None:
        return [Finding("ok", "register", "register", "None is set: only screening blocks.")]
    if url is None or mapping is None:
        return [
            Finding(
                "error",
                "register",
                "settings-missing",
                "Only one of register_url and register_mapping is set, so no register is used.",
                "Set both or none.",
            )
        ]
    try:
        register = open_register(url, mapping)
        try:
            register.find(PROBE)
        finally:
            register.close()
    except (OSError, ValueError) as error:
        return [
            Finding(
                "error",
                "register",
                "register-unusable",
                f"The register cannot be read ({type(error).__name__}).",
                "See that it runs, and that register_url and the mapping's table and columns are right.",
            )
        ]
    return [Finding("ok", "register", "register", "It answers.")]
