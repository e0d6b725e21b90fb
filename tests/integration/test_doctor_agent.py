"""`fuyuan doctor` on an agent that is broken for real, one thing at a time."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, text

from gateway.agent.index import Change, Index
from gateway.clock import ManualClock
from gateway.demo.processes import free_port
from gateway.doctor.agent import examine_agent
from gateway.doctor.finding import Finding
from gateway.settings import Settings
from gateway.trust.keys import SigningKey, Validity
from schemas.canonical import canonical
from tests.integration.agency import COMPANY, Agent, listing
from tests.integration.district import MARKET, TO_MARKET, District

MAPPING = 'table = "licences"\nrow = "no"\nname = "holder"\n\n[identifiers]\ncn-org = "code"\n'


@pytest.fixture
async def sound(agent: Agent) -> Settings:
    """The settings of an agent with nothing wrong. Its index is closed: one process opens it once."""
    await agent.district.push(listing())
    await agent.follow()
    index = agent.parts.index
    index.close()
    mapping = index.directory.parent / "register.toml"
    mapping.write_text(MAPPING)
    return Settings(
        agent_contract=TO_MARKET,
        agent_party_key=index.directory.parent / "key.jwk",
        agent_trusted_keys=agent.parts.trusted_keys,
        agent_data_dir=index.directory,
        register_url=agent.url,
        register_mapping=mapping,
    )


async def findings(agent: Agent, settings: Settings, **changed: object) -> list[Finding]:
    """All of them; each is in words, says what to do where there is something, and holds nothing personal."""
    found = await examine_agent(settings.model_copy(update=changed), agent.district.clock, agent.wire)
    for one in found:
        assert one.text.endswith((".", "?"))
        assert COMPANY not in one.line()
        assert one.remedy or one.level == "ok" or one.code == "index-key"
    return found


async def wrong(agent: Agent, settings: Settings, **changed: object) -> list[tuple[str, str]]:
    return [(one.level, one.code) for one in await findings(agent, settings, **changed) if one.level != "ok"]


async def test_all_is_well(agent: Agent, sound: Settings) -> None:
    assert [(one.level, one.area) for one in await findings(agent, sound)] == [
        ("ok", "keys"), ("ok", "gateway"), ("ok", "list"), ("ok", "register"),
    ]  # fmt: skip


async def test_settings_and_key_files(agent: Agent, sound: Settings) -> None:
    assert await wrong(agent, sound, agent_contract=None) == [("error", "settings-missing")]
    key, trusted = sound.agent_party_key, sound.agent_trusted_keys
    assert key is not None
    assert trusted is not None
    key.chmod(0o644)
    assert await wrong(agent, sound) == [("error", "key-file-open")]
    key.chmod(0o600)
    good = trusted.read_bytes()
    trusted.write_bytes(b"{}")
    assert await wrong(agent, sound) == [("error", "trusted-keys")]
    trusted.write_bytes(good)
    key.unlink()
    assert await wrong(agent, sound) == [("error", "key-file-missing")]


async def test_trusted_keys_that_lack_one(agent: Agent, sound: Settings) -> None:
    assert sound.agent_trusted_keys is not None
    keys = [key.to_jwk() for key in await agent.district.keys() if key.party not in ("fuyuan-gateway", MARKET)]
    sound.agent_trusted_keys.write_bytes(canonical({"keys": keys}))
    found = await wrong(agent, sound)
    assert ("error", "gateway-key-unknown") in found
    assert ("error", "own-key-unknown") in found
    assert ("error", "contract-unverified") in found


async def test_a_gateway_that_has_a_new_key(agent: Agent, sound: Settings) -> None:
    district = agent.district
    new = SigningKey.generate("fuyuan-gateway", district.clock.now())
    await district.running.registry.enter_key(new.public())
    assert await wrong(agent, sound) == [("warning", "gateway-key-new")]


async def test_a_gateway_that_does_not_answer_or_refuses(agent: Agent, sound: Settings) -> None:
    agent.wire.cut = True
    assert await wrong(agent, sound) == [("error", "gateway-unreachable")]
    agent.wire.cut = False
    assert await wrong(agent, sound, audience="another") == [("error", "audience-wrong")]
    own = agent.district.cast.keys[MARKET].public()
    ended = replace(own, validity=Validity(own.validity.valid_from, retired_at=agent.district.clock.now()))
    await agent.district.running.registry.enter_key(ended)
    assert ("error", "key-retired") in await wrong(agent, sound)


async def test_nobody_listens(agent: Agent, sound: Settings) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    found = await examine_agent(sound.model_copy(update={"gateway_url": url}), agent.district.clock)
    assert [one.code for one in found if one.level != "ok"] == ["gateway-unreachable"]


async def test_a_clock_that_is_wrong(agent: Agent, sound: Settings) -> None:
    clock = ManualClock(agent.district.clock.now() + timedelta(minutes=20))
    found = await examine_agent(sound, clock, agent.wire)
    [stale] = [one for one in found if one.area == "clock"]
    assert (stale.level, stale.code) == ("error", "signature-stale")
    assert "1200 s ahead of the gateway's clock" in stale.text


async def test_a_list_that_grows_stale_and_a_contract_that_ends(agent: Agent, sound: Settings) -> None:
    agent.district.clock.advance(timedelta(hours=2))
    [found] = [one for one in await findings(agent, sound) if one.level != "ok"]
    assert (found.level, found.code) == ("error", "list-stale")
    assert "2 h old" in found.text
    until = agent.district.clock.now() + timedelta(days=20)
    await agent.district.activate(version=2, valid_until=until.date().isoformat())
    assert ("warning", "contract-ends-soon") in await wrong(agent, sound)


async def test_the_kill_switch(agent: Agent, sound: Settings) -> None:
    (sound.agent_data_dir / "kill-switch").touch()
    assert await wrong(agent, sound) == [("warning", "kill-switch")]


async def test_no_index_and_one_that_others_can_read(agent: Agent, sound: Settings) -> None:
    assert await wrong(agent, sound, agent_data_dir=sound.agent_data_dir / "none") == [("error", "index-missing")]
    assert not (sound.agent_data_dir / "none").exists()
    (sound.agent_data_dir / "index.key").chmod(0o644)
    assert await wrong(agent, sound) == [("error", "index-key")]


async def test_an_outbox_that_waits_and_receipts_that_were_refused(
    district: District, agent: Agent, sound: Settings
) -> None:
    """Left by an agent that was cut off from its gateway."""
    index = Index(sound.agent_data_dir)
    told = {"row": None, "token": await district.receipt((await district.pull(MARKET, TO_MARKET))[0][-1])}

    def leave(change: Change) -> None:
        change.append("receipts", told)
        change.put_document("aside", (999).to_bytes(8), {"code": "receipt-unsent", "token": "x"})
        change.append("orders", {"kind": "release", "row": "7", "measure": "m", "told": None})

    index.write(leave)
    index.close()
    district.clock.advance(timedelta(seconds=700))
    found = [one for one in await findings(agent, sound) if one.level != "ok" and one.code != "list-stale"]
    assert [(one.level, one.code) for one in found] == [
        ("error", "receipts-aside"), ("warning", "receipts-waiting"), ("warning", "orders-waiting"),
    ]  # fmt: skip
    assert "receipt-unsent" in found[0].text
    assert "since 11 min" in found[1].text


async def test_a_register_that_is_away_or_another(agent: Agent, sound: Settings) -> None:
    assert await wrong(agent, sound, register_mapping=None) == [("error", "settings-missing")]
    away = "sqlite:////no/such/folder/register.sqlite"
    assert await wrong(agent, sound, register_url=away) == [("error", "register-unusable")]
    engine = create_engine(agent.url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE licences"))
    engine.dispose()
    assert await wrong(agent, sound) == [("error", "register-unusable")]
    assert sound.register_mapping is not None
    sound.register_mapping.write_text("no mapping")
    assert await wrong(agent, sound) == [("error", "register-unusable")]
