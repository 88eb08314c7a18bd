"""Tests of `protocol/structuring.py`."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from attrs import frozen

from bluev_actors.errors import ProtocolError
from bluev_actors.protocol.messages import ExecuteWorkflow
from bluev_actors.protocol.structuring import structure_strictly, structure_tolerantly
from bluev_actors.workflows.options import Rerun, RunOptions
from bluev_actors.workflows.values import Json, JsonObject  # noqa: TC001 - cattrs looks the names up


@frozen(kw_only=True)
class Sample:
    """One field of each form that messages have."""

    text: str = ""
    whole: int = 0
    number: float = 0.0
    flag: bool = False
    word: Literal["a", "b"] = "a"
    texts: tuple[str, ...] = ()
    lists: tuple[tuple[str, ...], ...] = ()
    objects: tuple[JsonObject, ...] = ()
    some: JsonObject | None = None
    anything: Json = None


def misfit(body: JsonObject, cls: type[Any] = Sample) -> ProtocolError:
    """What is said of a body that does not fit."""
    with pytest.raises(ProtocolError) as caught:
        structure_strictly(body, cls)
    assert caught.value.code == "bad_message"
    return caught.value


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("text", 5),
        ("text", None),
        ("text", True),
        ("text", ["a"]),
        ("whole", "5"),
        ("whole", 1.0),
        ("whole", True),
        ("whole", None),
        ("number", "1.5"),
        ("number", True),
        ("number", None),
        ("flag", 1),
        ("flag", "true"),
        ("flag", None),
        ("word", "c"),
        ("word", ""),
        ("word", ["a"]),
        ("word", None),
        ("texts", "abc"),
        ("texts", {"a": 1}),
        ("texts", None),
        ("objects", {"a": 1}),
        ("some", []),
        ("some", "a"),
        ("some", 0),
    ],
)
@pytest.mark.parametrize("structure", [structure_strictly, structure_tolerantly])
def test_nothing_is_coerced(field: str, value: Json, structure: Any) -> None:  # noqa: ANN401 - either function
    """A value of another type is refused, not converted: whoever sent it meant something else."""
    if (field, value) in [("word", "c"), ("word", "")] and structure is structure_tolerantly:
        assert structure({field: value}, Sample).word == value
        return
    with pytest.raises(ProtocolError) as caught:
        structure({field: value}, Sample)
    assert caught.value.path == field


@pytest.mark.parametrize(
    ("field", "value", "result"),
    [
        ("text", "a", "a"),
        ("whole", -5, -5),
        ("number", 1.5, 1.5),
        ("number", 2, 2.0),
        ("flag", True, True),
        ("word", "b", "b"),
        ("texts", ["a", ""], ("a", "")),
        ("lists", [["a"], []], (("a",), ())),
        ("objects", [{"a": None}], ({"a": None},)),
        ("some", {"a": [1]}, {"a": [1]}),
        ("some", None, None),
        ("anything", 5, 5),
    ],
)
def test_what_fits_is_kept(field: str, value: Json, result: Json) -> None:
    """Values of the right type come through; only an integer may stand for a number, and becomes one."""
    made = getattr(structure_strictly({field: value}, Sample), field)
    assert made == result
    assert type(made) is type(result)


def test_objects_are_not_copied() -> None:
    """A graph of 100,000 nodes is looked at once, by those who validate it."""
    graph: JsonObject = {"nodes": []}
    assert structure_strictly({"some": graph}, Sample).some is graph


MISFITS: list[tuple[JsonObject, str, str]] = [
    ({"texts": ["a", 5]}, "texts[1]", "`texts[1]` must be a string, not an integer."),
    ({"lists": [[], ["a", None]]}, "lists[1][1]", "`lists[1][1]` must be a string, not null."),
    ({"objects": [{}, 1.5]}, "objects[1]", "`objects[1]` must be an object, not a number."),
    ({"word": "x"}, "word", '`word` must be `a` or `b`, not "x".'),
    ({"whole": "5" * 1_000}, "whole", f'`whole` must be an integer, not "{"5" * 100}".'),
    ({"texts": {}}, "texts", "`texts` must be a list, not an object."),
    ({"flag": []}, "flag", "`flag` must be true or false, not a list."),
    ({"number": False}, "number", "`number` must be a number, not a boolean."),
]


@pytest.mark.parametrize(("body", "path", "sentence"), MISFITS)
def test_where_and_what_would_be_right(body: JsonObject, path: str, sentence: str) -> None:
    """The sender can mend a message by its error alone."""
    error = misfit(body)
    assert (error.path, str(error)) == (path, sentence)


def test_a_missing_field_is_named() -> None:
    """A field without a default has to be there."""
    error = misfit({}, Rerun)
    assert (error.path, str(error)) == ("from_run", "`from_run` is missing.")


def test_paths_lead_into_objects() -> None:
    """The path begins at the message's root."""
    error = misfit({"options": {"rerun": {"from_run": 5}}}, ExecuteWorkflow)
    assert error.path == "options.rerun.from_run"


@pytest.mark.parametrize("value", ["abc", [], 5, None])
def test_an_object_of_ours_must_be_an_object(value: Json) -> None:
    """Text has no keys, so without a look it would pass for an object with none."""
    assert misfit({"options": value}, ExecuteWorkflow).path == "options"


def test_unknown_keys_of_a_message_are_ignored() -> None:
    """A newer client may say more."""
    assert structure_strictly({"text": "a", "new": 1}, Sample) == Sample(text="a")


def test_unknown_keys_of_options_are_errors() -> None:
    """A slip in an option would otherwise change nothing and say nothing."""
    error = misfit({"options": {"timeot": 5}}, ExecuteWorkflow)
    assert error.path == "options.timeot"
    assert str(error) == "`options.timeot` is unknown. Did you mean `timeout`?"


def test_without_a_near_name_all_are_listed() -> None:
    """When nothing is close, one can at least choose."""
    error = misfit({"rerun": {"from_run": "r", "zzz": 5}}, RunOptions)
    assert str(error) == "`rerun.zzz` is unknown. Known are `from_run`, `mode` and `nodes`."


def test_a_long_key_is_cut() -> None:
    """An error is never as long as the message it is about."""
    assert len(misfit({"options": {"k" * 100_000: 5}}, ExecuteWorkflow).path) < 200


def test_the_first_of_several_misfits_is_told() -> None:
    """In the order of the fields, so that the same message always gets the same error."""
    assert misfit({"anything": 1, "number": "x", "text": 5}).path == "text"


@pytest.mark.parametrize("word", ["a", "z"])
def test_a_daemon_may_know_more_words(word: str) -> None:
    """A newer daemon's status reaches the program that reads it."""
    assert structure_tolerantly({"word": word}, Sample).word == word
