"""deploy/Dockerfile without a builder: what it promises can be read off its lines."""

import re
from importlib.metadata import distribution
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "deploy/Dockerfile").read_text("utf-8")
LINES = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE)).splitlines()
STEPS = [(word, rest) for word, _, rest in (line.partition(" ") for line in LINES if line)]
LAST = STEPS[max(at for at, (word, _) in enumerate(STEPS) if word == "FROM") :]
PINNED = re.compile(r"^([a-z0-9._-]+==[^\\\n]+?)((?: \\\n +--hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)


def locked(path: str) -> dict[str, str]:
    """Each pinned requirement of a lock with its hashes."""
    return dict(PINNED.findall((ROOT / path).read_text("utf-8")))


def needed() -> set[str]:
    """The names of all that the gateway runs on, as the installed packages say it."""
    found: set[str] = set()
    open_ends = [Requirement("fuyuan")]
    while open_ends:
        requirement = open_ends.pop()
        name = canonicalize_name(requirement.name)
        extras = ["", *requirement.extras]
        if name in found and not requirement.extras:
            continue
        found.add(name)
        for text in distribution(name).requires or []:
            one = Requirement(text)
            environments = [{**default_environment(), "extra": extra} for extra in extras]
            if one.marker is None or any(one.marker.evaluate(environment) for environment in environments):
                open_ends.append(one)
    return found - {"fuyuan"}


def test_there_are_two_stages_over_a_base_that_is_pinned_by_tag() -> None:
    assert [rest for word, rest in STEPS if word == "FROM"] == ["${PYTHON} AS build", "${PYTHON}"]
    assert STEPS[0] == ("ARG", "PYTHON=python:3.11-slim-bookworm")


def test_the_image_runs_as_nobody_in_particular() -> None:
    users = [rest for word, rest in LAST if word == "USER"]
    assert users == ["10001:10001"]
    assert [word for word, _ in LAST].index("USER") > max(at for at, (word, _) in enumerate(LAST) if word == "RUN")


def test_nothing_is_fetched_but_by_pip_and_all_that_is_has_a_hash() -> None:
    assert not [rest for word, rest in STEPS if word == "ADD"]
    assert not re.search(r"\b(curl|wget|apt-get|git)\b", TEXT)
    for install in re.findall(r"pip(?: --python \S+)? install ([^&\n]*)", "\n".join(LINES)):
        assert "--require-hashes" in install or "--no-deps --no-index" in install, install


def test_no_build_tool_and_no_pip_is_left() -> None:
    assert [rest for word, rest in LAST if word == "COPY"] == ["--from=build /opt/fuyuan /opt/fuyuan"]
    assert "pip uninstall --yes" in " ".join(rest for word, rest in LAST if word == "RUN")
    assert "venv --without-pip /opt/fuyuan" in TEXT


def test_nothing_secret_goes_in() -> None:
    assert not re.search(r"(?i)(password|secret|token)\s*=|BEGIN .*KEY", TEXT)
    ignored = (ROOT / "deploy/Dockerfile.dockerignore").read_text("utf-8").splitlines()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    assert ignored[1] == "*"
    copied = [rest.split()[:-1] for word, rest in STEPS if word == "COPY" and "--from" not in rest]
    assert sorted(path for paths in copied for path in paths) == sorted(let_in)
    assert all((ROOT / path).exists() for path in let_in)


def test_it_says_when_it_is_well() -> None:
    (check,) = (rest for word, rest in LAST if word == "HEALTHCHECK")
    assert "http://127.0.0.1:8440/healthz" in check
    assert ("ENTRYPOINT", '["fuyuan"]') in LAST
    assert ("CMD", '["serve"]') in LAST


def test_the_locks_agree_and_hold_what_runs() -> None:
    whole, runs = locked("requirements.lock"), locked("deploy/requirements.lock")
    assert {line: whole.get(line) for line in runs} == runs, "run make lock"
    names = {line.partition("==")[0] for line in runs}
    assert needed() <= names, "run make lock"
    assert not names & {"mypy", "pip", "pytest", "ruff", "setuptools"}
