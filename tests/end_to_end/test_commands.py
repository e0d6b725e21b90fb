"""The command line as officials, providers and operators use it: every command once, as a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.engine import make_url

from contracts.load import load_agreement
from gateway.demo.processes import free_port, start
from tests.servers.postgres import Postgres

ROOT = Path(__file__).parents[2]
COURT, AGENCY = "shanyang-court", "shanyang-credit-platform"
TO_AGENCY, FROM_AGENCY = "debtors-to-credit-platform", "receipts-from-credit-platform"
LINE = {
    "caseCode": "（2026）豫0811执101号",
    "iname": "焦作市山阳区示例建材有限公司",
    "cardNum": "91410811MA47YB0X60",
    "publishDate": "2026年10月09日",
    "courtName": "焦作市山阳区人民法院",
}


@dataclass(frozen=True)
class Desk:
    """A folder with everything of the district in it, and the environment that names it."""

    folder: Path
    port: int
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        ours = {
            "FUYUAN_DATA_DIR": str(self.folder / "gateway"),
            "FUYUAN_PORT": str(self.port),
            "FUYUAN_GATEWAY_URL": f"http://127.0.0.1:{self.port}",
            **self.more,
        }
        return {key: value for key, value in os.environ.items() if not key.startswith("FUYUAN_")} | ours

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "gateway.cli", *arguments],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def fuyuan(self, *arguments: str) -> list[dict[str, Any]]:
        """The JSON lines that a command prints; it must end with 0."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def file(self, name: str) -> str:
        return str(self.folder / name)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Parties with fresh keys, and the two agreements between them with those keys named, not yet signed."""
    desk = Desk(tmp_path_factory.mktemp("desk"), free_port())
    kids: dict[str, str] = {}
    jwks: list[dict[str, Any]] = []
    for party in (COURT, AGENCY):
        [jwk] = desk.fuyuan("keys", "new", party, f"{party}.jwk")
        assert (desk.folder / f"{party}.jwk").stat().st_mode & 0o077 == 0
        jwks.append(jwk)
        kids[party] = jwk["kid"]
        document = yaml.safe_load((ROOT / f"contracts/parties/{party}.yaml").read_text("utf-8"))
        party_file = yaml.safe_dump({**document, "keys": [jwk]}, allow_unicode=True)
        (desk.folder / f"{party}.yaml").write_text(party_file, encoding="utf-8")
    (desk.folder / "jwks.json").write_text(json.dumps({"keys": jwks}), encoding="utf-8")
    for name in (TO_AGENCY, FROM_AGENCY):
        path = ROOT / f"contracts/agreements/{name}.yaml"
        text = path.read_text("utf-8").partition("\nsignatures:")[0] + "\n"
        terms = load_agreement(path).terms
        for side in (terms.provider, terms.subscriber):
            text = text.replace(side.keys[0], kids[side.party])
        (desk.folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return desk


def test_an_official_checks_previews_and_signs(desk: Desk) -> None:
    for name in (TO_AGENCY, FROM_AGENCY):
        assert desk.fuyuan("contract", "lint", f"{name}.yaml") == []
        leaves = {line["slot"]: line["leaves"] for line in desk.fuyuan("contract", "preview", f"{name}.yaml")[:-1]}
        assert "shown" in leaves.values()
    too_early = desk.run("contract", "sign", f"{TO_AGENCY}.yaml", "--key", f"{AGENCY}.jwk")
    assert (too_early.returncode, too_early.stderr.partition(":")[0]) == (1, "provider-signs-first")
    for name, order in ((TO_AGENCY, (COURT, AGENCY)), (FROM_AGENCY, (AGENCY, COURT))):
        for party in order:
            [signed] = desk.fuyuan("contract", "sign", f"{name}.yaml", "--key", f"{party}.jwk")
            assert signed["signed_by"] == party
    again = desk.run("contract", "sign", f"{TO_AGENCY}.yaml", "--key", f"{COURT}.jwk")
    assert (again.returncode, again.stderr.partition(":")[0]) == (1, "signed-already")
    exported = desk.run("contract", "export", f"{TO_AGENCY}.yaml").stdout
    (desk.folder / "contract.json").write_text(exported, encoding="utf-8")
    [verdict] = desk.fuyuan("verify", "contract.json", "--keys", "jwks.json")
    assert verdict["verdict"] == "valid"
    (desk.folder / "forged.json").write_text(exported.replace("山", "川", 1), encoding="utf-8")
    assert desk.run("verify", "forged.json", "--keys", "jwks.json").returncode == 1


def test_an_operator_puts_them_in_force(desk: Desk) -> None:
    for party in (COURT, AGENCY):
        [admitted] = desk.fuyuan("party", "admit", f"{party}.yaml")
        assert admitted["admitted"] == party
    assert {key["party"] for key in desk.fuyuan("keys", "list")} == {COURT, AGENCY, "fuyuan-gateway"}
    for name in (TO_AGENCY, FROM_AGENCY):
        [active] = desk.fuyuan("contract", "activate", f"{name}.yaml")
        assert active["position"] is not None
    assert desk.fuyuan("contract", "activate", f"{TO_AGENCY}.yaml")[0]["position"] is None
    assert desk.fuyuan("contract", "change", TO_AGENCY, "suspend")[0]["state"] == "suspended"
    assert desk.fuyuan("contract", "change", TO_AGENCY, "resume")[0]["state"] == "active"
    assert {line["contract"]: line["state"] for line in desk.fuyuan("contract", "list")} == {
        TO_AGENCY: "active",
        FROM_AGENCY: "active",
    }


def test_the_database_is_checked_and_upgraded(desk: Desk, tmp_path: Path) -> None:
    fresh = replace(desk, folder=tmp_path)
    assert fresh.run("database", "check").returncode == 1
    [upgraded] = fresh.fuyuan("database", "upgrade")
    assert upgraded["before"] is None
    [checked] = fresh.fuyuan("database", "check")
    assert checked == {"revision": upgraded["revision"], "newest": upgraded["revision"], "differences": []}
    assert fresh.fuyuan("database", "upgrade")[0]["before"] == upgraded["revision"]


@pytest.mark.parametrize("action", ["activate", "sign", "forget"])
def test_only_a_signed_agreement_puts_a_contract_in_force(desk: Desk, action: str) -> None:
    """A renewal is a new version that both parties signed; a word on the command line is none."""
    refused = desk.run("contract", "change", TO_AGENCY, action)
    assert (refused.returncode, refused.stderr.partition(":")[0]) == (1, "unknown-action")


@pytest.fixture
async def gateway(desk: Desk) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        await start(stack, "serve", ["gateway.cli", "serve"], desk.port, desk.folder, desk.environment)
        yield


async def test_a_provider_pushes_withdraws_and_reads(desk: Desk, gateway: None) -> None:
    lines = json.dumps(LINE, ensure_ascii=False) + "\n" + "no record\n"
    (desk.folder / "list.ndjson").write_text(lines, encoding="utf-8")
    push = ("push", "dishonest-debtor", "list.ndjson", "--key", f"{COURT}.jwk")
    first = desk.run(*push)
    assert first.returncode == 3, first.stderr  # something stands in quarantine
    counts = json.loads(first.stdout)["counts"]
    assert (counts["listed"], counts["quarantined"]) == (1, 1)
    assert desk.run(*push).stdout == first.stdout  # the same file is the same submission
    named = ("--case", str(LINE["caseCode"]), "--name", str(LINE["iname"]))
    withdraw = ("withdraw", "dishonest-debtor", "--key", f"{COURT}.jwk", "--reason", "performed")
    [answer] = desk.fuyuan(*withdraw, *named)
    assert answer["counts"]["withdrawn"] == 1
    unmatched = desk.run(*withdraw, "--case", "（2026）豫0811执999号", "--name", str(LINE["iname"]))
    assert unmatched.returncode == 4
    assert str(LINE["iname"]) not in unmatched.stderr  # rule P1
    assert desk.run(*withdraw, "--case", str(LINE["caseCode"])).returncode == 2
    unreadable = desk.run(*withdraw, "--record", "no record id")
    assert (unreadable.returncode, len(json.loads(unreadable.stdout)["quarantine"])) == (3, 1)
    second = desk.run("serve")
    assert (second.returncode, second.stderr.partition(":")[0]) == (1, "address-unusable")
    assert desk.fuyuan("receipts", FROM_AGENCY, "--key", f"{COURT}.jwk") == []
    elsewhere = desk.run("push", "receipt", "list.ndjson", "--key", f"{COURT}.jwk")
    assert (elsewhere.returncode, elsewhere.stderr.strip().partition(":")[0]) == (1, "unknown-feed")


def test_a_provider_puts_files_into_a_folder(desk: Desk, gateway: None) -> None:
    folder = desk.folder / "out"
    folder.mkdir()
    (folder / "list.ndjson").write_text(
        json.dumps({**LINE, "caseCode": "（2026）豫0811执102号"}, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    watch = ("watch", "dishonest-debtor", "out", "--key", f"{COURT}.jwk", "--settle", "1", "--once")
    assert desk.run(*watch).returncode == 0
    result = json.loads((folder / "list.ndjson.result.json").read_text("utf-8"))
    assert (result["verdict"], result["counts"]["listed"]) == ("taken", 1)
    (folder / "cut.csv").write_text("案号,姓名\n（2026）豫0811执1", encoding="utf-8")
    refused = desk.run(*watch)
    assert (refused.returncode, "file-unfinished" in refused.stderr) == (3, True)


MAPPING = """
feed = "dishonest-debtor"
table = "sxbzxr"
key = ["id"]
[columns]
caseCode = "ah"
iname = "mc"
cardNum = "zjhm"
courtName = "fy"
publishDate = "rq"
[named]
case_number = "ah"
name = "mc"
[changes]
by = "refresh"
[brake]
rows = 1
"""


def test_a_provider_has_a_front_end_table(desk: Desk, gateway: None, postgres: Postgres) -> None:
    (desk.folder / "sxbzxr.toml").write_text(MAPPING, encoding="utf-8")
    front = ("front", "sxbzxr.toml", "--key", f"{COURT}.jwk")
    unset = desk.run(*front, "--once")
    assert (unset.returncode, unset.stderr.partition(":")[0]) == (1, "front-settings")
    url = postgres.create()
    at, secret = make_url(url).set(drivername="postgresql"), desk.folder / "front-password"
    secret.write_text(at.password or "none", encoding="utf-8")
    secret.chmod(0o600)
    address = at._replace(password=None).render_as_string()
    desk = replace(desk, more={"FUYUAN_FRONT_URL": address, "FUYUAN_FRONT_PASSWORD_FILE": str(secret)})
    court, code, name = LINE["courtName"], LINE["cardNum"], LINE["iname"]
    rows = ", ".join(
        f"({n}, '（2026）豫0811执{200 + n}号', '{name}', '{code}', '{court}', '2026-10-09')" for n in (1, 2)
    )
    table = "CREATE TABLE sxbzxr (id INT PRIMARY KEY, ah TEXT, mc TEXT, zjhm TEXT, fy TEXT, rq TEXT)"

    def say(*statements: str) -> None:
        replace(postgres, url=make_url(url)).say(*statements)

    say(table, f"INSERT INTO sxbzxr VALUES {rows}, (3, NULL, NULL, NULL, NULL, NULL)")  # noqa: S608
    first = desk.run(*front, "--once")
    assert (first.returncode, json.loads(first.stdout)["counts"]["listed"]) == (3, 2), first.stderr
    assert desk.fuyuan(*front, "--refused")[0]["key"] == [3]
    say("DELETE FROM sxbzxr")
    stopped = desk.run(*front, "--refresh")
    assert (stopped.returncode, "mass-change: Of 2 rows 2 are gone" in stopped.stderr) == (1, True)
    assert desk.fuyuan(*front, "--once", "--allow", "2")[0]["counts"]["withdrawn"] == 2
    (desk.folder / "sxbzxr.toml").write_text(MAPPING.replace("refresh", "guess"), encoding="utf-8")
    assert desk.run(*front, "--once").stderr.startswith("front-settings: the mapping's changes.by")
    postgres.drop(url)


def test_the_doctor_says_what_is_wrong(desk: Desk) -> None:
    """The quarantined line that was pushed above, and an agency that has no agent."""
    found = desk.run("doctor")
    assert found.returncode == 1, found.stderr
    lines = found.stdout.splitlines()
    assert [line for line in lines if line.startswith("ok      database")]
    assert [line for line in lines if line.startswith("warning quarantine") and "unparseable" in line]
    assert str(LINE["iname"]) not in found.stdout
    told = [json.loads(line) for line in desk.run("doctor", "--json").stdout.splitlines()]
    assert {(one["level"], one["code"]) for one in told} >= {("ok", "database"), ("warning", "quarantined")}
    agent = desk.run("doctor", "--agent")
    assert (agent.returncode, "An agent needs agent_contract" in agent.stdout) == (1, True)
    assert "doctor" in desk.run("--help").stdout
