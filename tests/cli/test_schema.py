"""`schema`: for editors and front ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from jsonschema import Draft202012Validator

from bluev_actors.cli.example import examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from bluev_actors.workflows.values import JsonObject


def schema(type_in: Callable[..., Result], *words: object) -> JsonObject:
    """A schema that is one."""
    found: JsonObject = orjson.loads(type_in("schema", *words).stdout)
    Draft202012Validator.check_schema(found)
    return found


@pytest.mark.parametrize("name", sorted(examples()))
def test_the_examples_fit(name: str, type_in: Callable[..., Result]) -> None:
    """What we show is what we check by."""
    validator = Draft202012Validator(schema(type_in, "workflow"))
    assert validator.is_valid(orjson.loads(examples()[name].read_bytes()))  # pyright: ignore[reportUnknownMemberType] - the stubs' own


def test_messages(type_in: Callable[..., Result]) -> None:
    """The wire's messages by name."""
    assert "execute_workflow" in orjson.dumps(schema(type_in, "messages")).decode()


def test_own_types(type_in: Callable[..., Result], tmp_path: Path) -> None:
    """They are part of it."""
    file = tmp_path / "mine.py"
    file.write_text("from bluev_actors import node\n@node\nasync def shout(text: str) -> str: return text.upper()\n")
    assert "shout" in orjson.dumps(schema(type_in, "workflow", "--nodes", file)).decode()


def test_another_schema(type_in: Callable[..., Result]) -> None:
    """Bad usage, with what there is."""
    shown = type_in("schema", "openapi")
    assert shown.exit_code == 2
    assert "'workflow', 'messages'" in shown.stderr
