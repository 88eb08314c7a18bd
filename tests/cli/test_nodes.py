"""`nodes`: what there is to build with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from bluev_actors.engine.nodes import BUILT_INS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

NAMES = sorted(it.kind.name for it in BUILT_INS)


@pytest.fixture(params=["here", "there"])
def where(request: pytest.FixtureRequest) -> list[str]:
    """Ask this process, or the daemon."""
    return [] if request.param == "here" else ["--url", request.getfixturevalue("daemon")]


def test_the_list(where: list[str], type_in: Callable[..., Result]) -> None:
    """All types, with ports and a sentence; what is off says how to switch it on."""
    shown = type_in("nodes", *where)
    assert shown.exit_code == 0
    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["TYPE", *NAMES]
    assert "(off; --allow python)" in shown.stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_page(name: str, type_in: Callable[..., Result]) -> None:
    """Every built-in type can be explained, with an example that is JSON."""
    page = type_in("nodes", name)
    assert page.exit_code == 0
    assert page.stdout.startswith(f"{name}: ")
    text = page.stdout.partition("\nexample\n")[2].partition("\n\nexample\n")[0]
    assert orjson.loads(text)["nodes"]


def test_a_page_has_it_all(where: list[str], type_in: Callable[..., Result]) -> None:
    """Ports, params, what is required, what is the default, what may be chosen."""
    merge, constant = (type_in("nodes", name, *where).stdout for name in ("merge", "constant"))
    assert "inputs\n  in" in merge
    assert "many" in merge
    assert "one of " in merge
    assert "params\n  value" in constant
    assert "required" in constant


def test_json(where: list[str], type_in: Callable[..., Result]) -> None:
    """All, or one."""
    assert {it["name"] for it in orjson.loads(type_in("nodes", "--json", *where).stdout)} == set(NAMES)
    assert orjson.loads(type_in("nodes", "delay", "--json", *where).stdout)["name"] == "delay"


@pytest.mark.parametrize(("name", "hint"), [("dealy", "did you mean 'delay'?"), ("zzzzz", "there are aggregate")])
def test_an_unknown_type(name: str, hint: str, type_in: Callable[..., Result]) -> None:
    """What was meant, or what there is."""
    shown = type_in("nodes", name)
    assert (shown.exit_code, hint in shown.stderr) == (2, True)


def test_own_types(type_in: Callable[..., Result], tmp_path: Path) -> None:
    """With where they come from, and their defaults."""
    file = tmp_path / "mine.py"
    file.write_text(
        "from bluev_actors import node\n"
        '@node\nasync def shout(text: str, mark: str = "!") -> str:\n    """Makes it loud."""\n    return text + mark\n'
    )
    page = type_in("nodes", "shout", "--nodes", file).stdout
    assert page.startswith("shout: Makes it loud.")
    assert str(file) in page
    assert 'default "!"' in page
