"""Tests of `protocol/reference.py`."""

from __future__ import annotations

import re

import pytest

from bluev_actors.protocol.codes import ERROR_CODES, CloseCode
from bluev_actors.protocol.docstrings import sentence_of
from bluev_actors.protocol.messages import CLIENT_MESSAGES, SERVER_MESSAGES, SUBSCRIPTION_NAMES
from bluev_actors.protocol.reference import render
from bluev_actors.protocol.rules import RULES, ids_are_ids

PAGE = render()


def section(wire_type: str) -> str:
    """What the page says of one message."""
    return PAGE.split(f"\n### `{wire_type}`\n")[1].split("\n#")[0]


@pytest.mark.parametrize("wire_type", [*CLIENT_MESSAGES, *SERVER_MESSAGES])
def test_every_message_has_its_section(wire_type: str) -> None:
    """A heading to link to, a sentence, and a table of fields."""
    cls = {**CLIENT_MESSAGES, **SERVER_MESSAGES}[wire_type]
    assert PAGE.count(f"\n### `{wire_type}`\n") == 1
    assert section(wire_type).startswith(f"\n{sentence_of(cls)}\n\n| field | type |  | meaning |\n")


@pytest.mark.parametrize(
    ("wire_type", "row"),
    [
        ("subscribe", "| `event_types` | list of strings | optional | subscription names, exact type names, or `*`. |"),
        ("execute_workflow", "| `options.rerun.from_run` | string | required | the earlier run's id. |"),
        ("execute_workflow", "| `options.timeout` | number | optional | seconds for the whole run. |"),
        ("signal", "| `payload` | any value | optional | the answer. |"),
        ("watching", "| `snapshot` | object or null | required | "),
        ("control_workflow", "| `action` | `pause`, `resume`, `stop` | required | what to do. |"),
        ("gap", "| `snapshots` | list of objects | required | "),
    ],
)
def test_fields_are_told_in_words(wire_type: str, row: str) -> None:
    """Name, type, whether it has to be there, and what it means."""
    assert row in section(wire_type)


def test_rules_stand_under_their_message() -> None:
    """But that for ids, which holds everywhere, in the introduction."""
    for cls, rules in RULES.items():
        told = re.findall("^- (.*)$", section(cls.type), re.MULTILINE)
        assert told == [sentence_of(rule) for rule in rules if rule is not ids_are_ids]
    assert sentence_of(ids_are_ids) in PAGE.split("\n## ")[0]


def test_tables_are_whole() -> None:
    """Every name, every code."""
    for word in (*SUBSCRIPTION_NAMES, *ERROR_CODES, *(str(int(code)) for code in CloseCode)):
        assert f"\n| `{word}` | " in PAGE


def test_tables_are_tables() -> None:
    """Each row of a table has as many cells as its heading, so Markdown shows it."""
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        assert len({row.count("|") for row in table.splitlines()}) == 1


def test_the_page_is_tidy() -> None:
    """No blank lines in a row, no blanks at the end of a line, one line end at the end."""
    assert "\n\n\n" not in PAGE
    assert not re.search(r"[ \t]$", PAGE, re.MULTILINE)
    assert PAGE.endswith("|\n")
