"""The daemon's settings as flags."""

from __future__ import annotations

import click
import pytest
from attrs import fields
from click.testing import CliRunner

from bluev_actors.cli.daemon_flags import as_text, daemon_flags
from bluev_actors.daemon.config import LATER, Settings

NO_FLAGS = {"limits", "runs", "sources"}
"""Tables of the config file, and what is known about a setting."""


@click.command()
@daemon_flags
def show(**flags: object) -> None:
    """Show what arrives."""
    click.echo({name: value for name, value in flags.items() if value not in (None, ())})


def test_every_setting_has_its_flag() -> None:
    """And every flag is a setting, of this version or of a later one."""
    names = {parameter.name for parameter in show.params}
    assert names == {field.name for field in fields(Settings)} - NO_FLAGS | LATER


def test_what_is_not_given_does_not_arrive() -> None:
    """So that file and environment may speak."""
    assert CliRunner().invoke(show, []).output.strip() == "{}"


def test_what_is_given_arrives_in_its_type() -> None:
    """Numbers as numbers, repeated ones together."""
    words = ["--port", "0", "--memory", "--nodes", "a", "--nodes", "b", "--heartbeat", "1.5"]
    expected = {"port": 0, "memory": True, "nodes": ("a", "b"), "heartbeat": 1.5}
    assert CliRunner().invoke(show, words).output.strip() == str(expected)


def test_later_flags_are_not_shown() -> None:
    """They are known only to be refused."""
    shown = CliRunner().invoke(show, ["--help"]).output
    assert "--token-file" not in shown
    assert "--drain-timeout" in shown


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), ((), "-"), (("a", "b"), "a, b"), ("", "-"), (30.0, "30.0"), (0, "0")]
)
def test_values_as_text(value: object, text: str) -> None:
    """As in the file."""
    assert as_text(value) == text
