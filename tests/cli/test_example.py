"""`example`: workflows to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from bluev_actors.cli.example import examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

NAMES = sorted(examples())


def test_the_list(type_in: Callable[..., Result]) -> None:
    """Each with a sentence."""
    lines = type_in("example").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["EXAMPLE", *NAMES]
    assert all(line.endswith((".", "SHOWS", "'.")) for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_an_example(name: str, type_in: Callable[..., Result]) -> None:
    """Printed as it is, so that it can be redirected into a file; it bears its name and its schema."""
    shown = type_in("example", name)
    document = orjson.loads(shown.stdout)
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert (document["id"], document["$schema"]) == (name, "http://127.0.0.1:8765/schema/workflow.json")


def test_an_unknown_example(type_in: Callable[..., Result]) -> None:
    """Lists those there are."""
    shown = type_in("example", "helo")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert f"there is no example 'helo'; there are {', '.join(NAMES)}" in shown.stderr


def test_what_there_has_to_be() -> None:
    """The names that the docs use."""
    assert NAMES == ["fan", "hello", "pipeline", "retry", "template"]
