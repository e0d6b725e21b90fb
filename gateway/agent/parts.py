"""What the follower and the screening service are both made of, from the settings."""

from dataclasses import dataclass
from pathlib import Path

from contracts.model import Terms
from gateway.agent.applicant import Keyed
from gateway.agent.index import Index
from gateway.agent.receipts import Scribe
from gateway.agent.standing import Standing, read_ground
from gateway.clock import Clock
from gateway.errors import Refused
from gateway.settings import Settings
from gateway.trust.keys import SigningKey


@dataclass(frozen=True, slots=True)
class Parts:
    """`kill_switch` is a file: while it is there, nothing new is blocked (rule M8)."""

    contract: str
    key: SigningKey
    index: Index
    keyed: Keyed
    scribe: Scribe
    trusted_keys: Path
    kill_switch: Path

    def ground(self) -> tuple[Standing, Terms | None]:
        """How far the list is applied at this moment, and the contract's terms; None where they are not known yet."""
        with self.index.read() as view:
            return read_ground(view, self.contract)


def open_parts(settings: Settings, clock: Clock) -> Parts:
    """Raises Refused (`settings-missing`) where something that the agent cannot do without is not set."""
    contract, key_file, trusted = settings.agent_contract, settings.agent_party_key, settings.agent_trusted_keys
    if contract is None or key_file is None or trusted is None:
        raise Refused("settings-missing", "An agent needs agent_contract, agent_party_key and agent_trusted_keys.")
    key = SigningKey.load(key_file)
    index = Index(settings.agent_data_dir)
    return Parts(
        contract,
        key,
        index,
        Keyed(index.key, contract),
        Scribe(key, contract, clock),
        trusted,
        settings.agent_data_dir / "kill-switch",
    )
