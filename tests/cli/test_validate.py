"""`validate`: everything that is wrong, here and on a daemon in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from bluev_actors.cli.example import examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from bluev_actors.workflows.values import Json
    from tests.cli.conftest import Documents


@pytest.fixture(params=["here", "there"])
def where(request: pytest.FixtureRequest) -> list[str]:
    """Ask this process, or the daemon."""
    return [] if request.param == "here" else ["--url", request.getfixturevalue("daemon")]


def test_a_valid_workflow(
    where: list[str], type_in: Callable[..., Result], write: Callable[[Json], str], documents: Documents
) -> None:
    """0, in a line."""
    path = write(documents.hello())
    shown = type_in("validate", path, *where)
    assert (shown.exit_code, shown.stdout) == (0, f"{path}: valid\n")


def test_all_problems_at_once(
    where: list[str], type_in: Callable[..., Result], write: Callable[[Json], str], documents: Documents
) -> None:
    """2, one line each, with its place."""
    path = write(documents.chain({"id": "a", "type": "nope"}, {"id": "b", "type": "constant", "params": {"valeu": 1}}))
    shown = type_in("validate", path, *where)
    assert shown.exit_code == 2
    head, *lines = shown.stdout.splitlines()
    assert head.startswith(f"{path}: ")
    assert {line.partition(":")[0] for line in lines} >= {"nodes[0].type", "nodes[1].params.valeu"}


def test_warnings_keep_nothing_from_running(
    where: list[str], type_in: Callable[..., Result], documents: Documents
) -> None:
    """They are listed, and it is valid."""
    shown = type_in("validate", "-", *where, text=orjson.dumps(documents.hello(setings={})))
    assert shown.exit_code == 0
    head, warning = shown.stdout.splitlines()
    assert head == "standard input: valid"
    assert warning.startswith("setings: ")
    assert warning.endswith("(warning)")


def test_json(where: list[str], type_in: Callable[..., Result]) -> None:
    """The lists of the wire."""
    shown = type_in("validate", "-", "--json", *where, text='{"nodes": []}')
    verdict = orjson.loads(shown.stdout)
    assert [error["code"] for error in verdict["errors"]] == ["empty_workflow"]
    assert (shown.exit_code, verdict["warnings"]) == (2, [])


def test_inputs(where: list[str], type_in: Callable[..., Result]) -> None:
    """Values are checked against the declared inputs."""
    shown = type_in("validate", "-", "--input", "name=5", *where, text=examples()["template"].read_bytes())
    assert shown.exit_code == 2


def test_own_node_types(type_in: Callable[..., Result], documents: Documents, tmp_path: Path) -> None:
    """`--nodes` makes them known."""
    file = tmp_path / "mine.py"
    file.write_text("from bluev_actors import node\n@node\nasync def shout(text: str) -> str: return text.upper()\n")
    text = orjson.dumps(documents.chain({"id": "a", "type": "shout", "params": {"text": "hi"}}))
    assert type_in("validate", "-", text=text).exit_code == 2
    assert type_in("validate", "-", "--nodes", file, text=text).exit_code == 0


@pytest.mark.parametrize("name", sorted(examples()))
def test_the_examples_are_valid(name: str, where: list[str], type_in: Callable[..., Result]) -> None:
    """Without a warning."""
    shown = type_in("validate", "-", *where, text=examples()[name].read_bytes())
    assert (shown.exit_code, shown.stdout) == (0, "standard input: valid\n")
