"""Secrets in params: where they lead, and where they stand in plain sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from bluev_actors.testing.strategies import json_objects
from bluev_actors.workflows.secret_refs import check_secrets

if TYPE_CHECKING:
    from bluev_actors.workflows.values import Json, JsonObject


def codes(params: JsonObject, *known: str) -> list[tuple[str, str]]:
    """Code and path of each problem."""
    return [(problem.code, problem.path) for problem in check_secrets(params, known)]


def test_references_are_followed() -> None:
    """At any depth, each told with its place."""
    params = {"a": {"$secret": "KNOWN"}, "b": [{"c": {"$secret": "LOST"}}], "d": {"$secret": "GONE"}}
    assert codes(params, "KNOWN") == [("unknown_secret", "b[0].c"), ("unknown_secret", "d")]


def test_a_message_does_not_list_the_secrets() -> None:
    """Whoever submits a workflow is not told what the operator has."""
    [problem] = check_secrets({"a": {"$secret": "MINE"}}, ["PAYROLL"])
    assert "PAYROLL" not in repr(problem)


@pytest.mark.parametrize("reference", [{"$secret": 5}, {"$secret": "A", "default": "b"}, {"$secret": None}])
def test_a_reference_has_one_form(reference: JsonObject) -> None:
    """What is nearly one is an error, not data."""
    assert codes({"a": reference}, "A") == [("invalid_param", "a")]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"password": "hunter2"}, [("secret_in_plain_param", "password")]),
        ({"headers": {"Authorization": "Bearer x"}}, [("secret_in_plain_param", "headers.Authorization")]),
        ({"api_key": "k", "apiKey": "k"}, [("secret_in_plain_param", "api_key"), ("secret_in_plain_param", "apiKey")]),
        ({"password": "${inputs.password}"}, []),
        ({"password": {"$secret": "A"}}, []),
        ({"max_tokens": 5, "password": ""}, []),
        ({"text": "password"}, []),
    ],
)
def test_plain_secrets_are_noticed(params: JsonObject, expected: list[tuple[str, str]]) -> None:
    """By the name of the param: texts only, and only those that stand there themselves."""
    assert codes(params, "A") == expected


@given(json_objects())
def test_any_params_can_be_looked_at(params: Json) -> None:
    """Whatever stands there is looked at without an error, and every place is in it."""
    for problem in check_secrets(params, ()):
        assert problem.path.split(".")[0].split("[")[0] in "".join(map(str, params))
