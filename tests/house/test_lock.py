"""What is installed is what was tested: the locks fit the ranges of pyproject.toml and name no machine."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from house import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
RUNTIME = [Requirement(text) for text in PROJECT["dependencies"]]
DEVELOPMENT = [Requirement(text) for text in [*EXTRAS["test"], *EXTRAS["dev"]]]


def locked(name: str) -> dict[str, str]:
    """The versions that a lock pins, by canonical name."""
    pins = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)
    return {canonicalize_name(package): version for package, version in pins}


def misfits(lock: str, requirements: list[Requirement]) -> list[str]:
    """The requirements that a lock does not meet."""
    pins = locked(lock)
    asked = [requirement for requirement in requirements if requirement.name != PROJECT["name"]]
    return [str(r) for r in asked if not r.specifier.contains(pins.get(canonicalize_name(r.name), "0"))]


def test_the_daemon_lock_fits() -> None:
    """`scripts/start` installs what pyproject.toml asks for; `scripts/lock` mends it."""
    assert misfits("requirements.lock", RUNTIME) == []


def test_the_development_lock_fits() -> None:
    """`scripts/test` and `scripts/check` do too."""
    assert misfits("requirements-dev.lock", RUNTIME + DEVELOPMENT) == []


def test_tests_run_on_what_the_daemon_runs_on() -> None:
    """The two locks pin the same versions of what they share."""
    development = locked("requirements-dev.lock")
    differing = {k: v for k, v in locked("requirements.lock").items() if development.get(k) != v}
    assert differing == {}


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_pin_has_a_hash_and_no_address(lock: str) -> None:
    """A lock says what, never from where."""
    text = (ROOT / lock).read_text("utf-8")
    blocks = re.split(r"^(?=\w)", text, flags=re.MULTILINE)[1:]
    assert [block for block in blocks if "--hash=sha256:" not in block] == []
    assert re.findall(r"://|file:|--index|--find", text) == []


def test_every_range_has_a_floor() -> None:
    """A dependency without a lowest version promises what nobody tried."""
    asked = [r for r in RUNTIME + DEVELOPMENT if r.name != PROJECT["name"]]
    assert [str(r) for r in asked if not any(s.operator in {">=", "=="} for s in r.specifier)] == []


def test_every_runtime_range_has_a_ceiling() -> None:
    """A next major version of what the daemon stands on is met on purpose."""
    assert [str(r) for r in RUNTIME if not any(s.operator in {"<", "=="} for s in r.specifier)] == []
