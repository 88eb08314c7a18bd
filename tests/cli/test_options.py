"""Options that several commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.testing import CliRunner

from bluev_actors.cli.options import DEFAULT_URL, URL_VARIABLE, daemon_url, maybe_url
from bluev_actors.client import address

if TYPE_CHECKING:
    import pytest


@click.command()
@daemon_url
def asks(url: str) -> None:
    """Show where it would ask."""
    click.echo(url)


@click.command()
@maybe_url
def may_ask(url: str | None) -> None:
    """Show where it would ask, if anywhere."""
    click.echo(url)


def said(command: click.Command, *words: str) -> str:
    """What a command prints."""
    return CliRunner().invoke(command, words).output.strip()


def test_where_the_daemon_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The flag beats the environment, which beats the default."""
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    assert said(asks) == DEFAULT_URL
    monkeypatch.setenv(URL_VARIABLE, "http://env:1")
    assert said(asks) == "http://env:1"
    assert said(asks, "--url", "http://flag:2") == "http://flag:2"


def test_one_default_for_all() -> None:
    """The command line and the library mean the same daemon."""
    assert DEFAULT_URL == address.DEFAULT_URL


def test_here_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that works in this process is not sent away by the environment."""
    monkeypatch.setenv(URL_VARIABLE, "http://env:1")
    assert said(may_ask) == ""
