"""Tests of `protocol/codes.py`."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import bluev_actors
from bluev_actors.protocol.codes import ERROR_CODES, MESSAGE_CODES, NODE_CODES, REFUSAL_CODES, CloseCode

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(bluev_actors.__file__).parent

NOT_SENT = {"not_json"}
"""What `encode` raises to its caller; it never leaves the process."""


def refusals() -> Iterator[tuple[str, str]]:
    """Each code that the package refuses something with, and the file it stands in."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(ast.Name("ProtocolError" | "RefusedError"), [ast.Constant(code), *_]):
                    yield str(code), path.name
                case _:
                    pass


def test_every_refusal_is_explained() -> None:
    """A client finds each code that it can meet on the reference page."""
    unexplained = {(code, name) for code, name in refusals() if code not in ERROR_CODES.keys() | NOT_SENT}
    assert unexplained == set()


def test_the_search_finds_something() -> None:
    """Otherwise the test above would pass for nothing."""
    assert ("unknown_message_type", "codec.py") in set(refusals())


def test_a_code_has_one_meaning() -> None:
    """No code stands in two tables."""
    assert len(ERROR_CODES) == len(MESSAGE_CODES) + len(REFUSAL_CODES) + len(NODE_CODES)


@pytest.mark.parametrize("code", ERROR_CODES)
def test_codes_are_words_and_meanings_sentences(code: str) -> None:
    """A program branches on the one, a person reads the other."""
    assert re.fullmatch("[a-z]+(_[a-z0-9]+)*", code)
    assert ERROR_CODES[code].endswith(".")


def test_the_contracts_codes_are_there() -> None:
    """Those that the contract names."""
    named = {
        *("bad_json", "bad_message", "unknown_message_type", "too_large", "rate_limited", "not_found"),
        *("forbidden", "request_id_conflict", "storage_unavailable", "draining", "workflow_already_running"),
        *("ambiguous_run", "run_finished", "invalid_state", "invalid_output", "node_ignored_cancel", "run_timeout"),
        *("missing_input", "workflow_not_found", "node_stalled", "executor_crashed", "recovery_failed"),
        *("poison", "interrupted"),
    }
    assert named <= ERROR_CODES.keys()


def test_close_codes() -> None:
    """The numbers are the contract's; each knows what it means."""
    assert [int(code) for code in CloseCode] == [1008, 1009, 1012, 4008, 4401, 4403, 4408, 4409]
    assert all(code.meaning.endswith(".") for code in CloseCode)
    assert CloseCode(4008) is CloseCode.SLOW
