"""The reference has a page for every node type, and it says all there is to say."""

from __future__ import annotations

import json
import re

import pytest

from bluev_actors.engine.node_types import describe
from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.protocol.codes import ERROR_CODES
from bluev_actors.workflows.problems import PROBLEM_CODES
from house import ROOT
from node_pages import page, pages

REFERENCE = ROOT / "docs/reference"
KINDS = {node_type.kind.name: describe(node_type.kind, enabled=True) for node_type in BUILT_INS}


def test_the_pages_are_up_to_date() -> None:
    """`scripts/generate` writes them, and no page is left of a kind that is gone."""
    assert {path: (REFERENCE / path).read_text("utf-8") for path in pages()} == pages()
    assert {path.name for path in (REFERENCE / "nodes").iterdir()} == {f"{name}.md" for name in KINDS}


@pytest.mark.parametrize("name", KINDS)
def test_a_page_says_everything(name: str) -> None:
    """Every port and param with a meaning, every code, what a pause, a retry and a crash mean, and what guards it."""
    kind, text = KINDS[name], page(KINDS[name])
    for member in (*kind["inputs"], *kind["outputs"], *kind["params"]):
        assert f"| `{member['name']}` |" in text
        assert member["description"].endswith(".")
    for failure in kind["failures"]:
        assert f"| `{failure['code']}` |" in text
        assert failure["meaning"].endswith(".")
    for title in ("Pause", "Retry", "Crash", "Security"):
        assert re.search(rf"^- {title}: .+\.$", text, re.MULTILINE)


@pytest.mark.parametrize("name", KINDS)
def test_the_examples_are_json(name: str) -> None:
    """As a user would write them; that they run is tested in `tests/engine/nodes/test_examples.py`."""
    shown = re.findall(r"```json\n(.*?)```", page(KINDS[name]), re.DOTALL)
    assert [json.loads(text) for text in shown] == KINDS[name]["examples"]
    assert shown


@pytest.mark.parametrize("name", KINDS)
def test_the_codes_are_explained(name: str) -> None:
    """Each stands in the list of all codes, too."""
    codes = {failure["code"] for failure in KINDS[name]["failures"]}
    assert codes <= ERROR_CODES.keys() | PROBLEM_CODES.keys()
