from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import pytest

from bluev_actors.engine.nodes import BUILT_INS
from bluev_actors.engine.plugins import entry_point_nodes, gather_catalogue, load_nodes
from bluev_actors.engine.runtime import open_runtime
from bluev_actors.errors import NodeTypeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bluev_actors.engine.node_types import NodeType

SHOUT = """
from bluev_actors.engine.node_types import node

@node
async def shout(text: str) -> str:
    \"\"\"Says it louder.\"\"\"
    return text.upper()
"""
WHISPER = SHOUT.replace("shout", "whisper").replace("upper", "lower")
NEEDED = "from bluev_actors.engine.node_types import node\n"

OUTSIDE = frozenset(it.kind.name for it in BUILT_INS if it.kind.outside)
"""Those of ours that are off until they are allowed by name."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to work in, whose modules can be imported; afterwards all is as it was."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "installed"), *sys.path])
    (tmp_path / "installed").mkdir()
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(path: Path, text: str) -> str:
    """Write a file and give its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return str(path)


def install(folder: Path, package: str, entry: str) -> None:
    """Install a package that has one entry point of ours."""
    info = folder / "installed" / f"{package}-1.2.dist-info"
    write(info / "METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    write(info / "entry_points.txt", f"[bluev_actors.nodes]\n{entry}\n")


def names(node_types: list[NodeType]) -> list[str]:
    """The names of node types."""
    return [node_type.kind.name for node_type in node_types]


# --- load_nodes -------------------------------------------------------------------------------------------


def test_a_file_of_functions(folder: Path) -> None:
    """Every function that is decorated is taken, and says which file it is from."""
    write(folder / "my_nodes.py", SHOUT + WHISPER)
    loaded = load_nodes("my_nodes.py")
    assert names(loaded) == ["shout", "whisper"]
    assert {node_type.kind.source for node_type in loaded} == {"my_nodes.py"}


async def test_what_is_loaded_runs(folder: Path) -> None:
    """The function of a loaded type does its work in a run."""
    nodes = load_nodes(write(folder / "deep" / "my nodes.py", SHOUT))
    async with open_runtime(nodes) as runtime:
        run = await runtime.start(
            {"nodes": [{"id": "s", "type": "shout", "params": {"text": "hi"}}], "connections": []}
        )
        assert await run.result() == {"s": {"value": "HI"}}


def test_a_list_of_types(folder: Path) -> None:
    """`NODES` may hold types that have no name of their own; what stands in both places counts once."""
    made = "\nNODES = [shout, *(node(f'{shout.kind.name}_{n}')(lambda value: value) for n in range(2))]\n"
    assert names(load_nodes(write(folder / "many.py", SHOUT + made))) == ["shout", "shout_0", "shout_1"]


def test_a_module(folder: Path) -> None:
    """A module that can be imported goes by its name, a package's too."""
    write(folder / "installed" / "some_package" / "__init__.py", "")
    write(folder / "installed" / "some_package" / "nodes.py", SHOUT)
    (shout,) = load_nodes("some_package.nodes")
    assert shout.kind.source == "some_package.nodes"


def test_a_file_may_import_its_neighbours(folder: Path) -> None:
    """What lies beside the file is in reach while it is loaded; afterwards the path is as before."""
    write(folder / "there" / "loud_helper.py", "def loud(text): return text.upper()")
    path = list(sys.path)
    nodes = load_nodes(write(folder / "there" / "my_nodes.py", "import loud_helper\n" + SHOUT))
    assert names(nodes) == ["shout"]
    assert sys.path == path


@pytest.mark.parametrize("tail", ["", "\n1 / 0\n"])
def test_a_file_may_tidy_up_the_path_itself(folder: Path, tail: str) -> None:
    """What the file does to the path stays, be it that our own entry is gone."""
    reference = write(folder / "there" / "my_nodes.py", f"import sys; sys.path.pop(0)\n{SHOUT}{tail}")
    path = list(sys.path)
    if tail:
        with pytest.raises(NodeTypeError):
            load_nodes(reference)
    else:
        load_nodes(reference)
    assert sys.path == path


def test_files_of_one_name_are_two(folder: Path) -> None:
    """Files in different folders do not stand in each other's way."""
    first = load_nodes(write(folder / "a" / "nodes.py", SHOUT))
    second = load_nodes(write(folder / "b" / "nodes.py", WHISPER))
    assert names(first + second) == ["shout", "whisper"]


def test_a_file_is_read_anew(folder: Path) -> None:
    """Loaded again, a file is what it is now."""
    reference = write(folder / "nodes.py", SHOUT)
    load_nodes(reference)
    write(folder / "nodes.py", WHISPER + "# longer\n")
    assert names(load_nodes(reference)) == ["whisper"]


def test_classes_of_a_file_can_be_found(folder: Path) -> None:
    """Code that looks its own module up, as `attrs` does, finds it."""
    reference = write(folder / "nodes.py", f"import sys\nhere = sys.modules[__name__]\n{SHOUT}")
    assert names(load_nodes(reference)) == ["shout"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("\n\n1 / 0\n", "my_nodes.py:3: ZeroDivisionError: division by zero"),
        ("x = 1\ndef f(:\n", "my_nodes.py:2: SyntaxError: invalid syntax"),
        ("import json\njson.loads('{')", "my_nodes.py:2: JSONDecodeError: Expecting property name"),
        ("import no_such_module_here", "my_nodes.py:1: ModuleNotFoundError: No module named 'no_such_module_here'"),
        ("raise SystemExit(3)", "my_nodes.py:1: SystemExit: 3"),
        ("x = 1", "my_nodes.py: there are no node types in it; decorate a function with @node"),
        ("NODES = 5", "my_nodes.py: NODES is of type int, it has to be a list"),
        ("NODES = [print]", "my_nodes.py: NODES[0] is of type builtin_function_or_method, not a node type"),
        (f"{NEEDED}@node\ndef f(x, /): return x", "my_nodes.py:2: f: x is positional only"),
        ("raise ValueError", "my_nodes.py:1: ValueError"),
        (r"raise ValueError('first\nsecond')", "my_nodes.py:1: ValueError: first"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(folder: Path, text: str, sentence: str) -> None:
    """One line says which file, where in it, and what."""
    write(folder / "my_nodes.py", text)
    with pytest.raises(NodeTypeError) as caught:
        load_nodes("my_nodes.py")
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_slip_in_a_neighbour_is_told_where_it_is_imported(folder: Path) -> None:
    """The line is one of the file that the user named."""
    write(folder / "crooked.py", "\n\n\ndef f(:\n")
    with pytest.raises(NodeTypeError, match=r"my_nodes\.py:2: SyntaxError: invalid syntax$"):
        load_nodes(write(folder / "my_nodes.py", "\nimport crooked\n"))


def test_what_is_no_text_at_all_is_told(folder: Path) -> None:
    """A file of bytes that are no Python has no line to name."""
    (folder / "my_nodes.py").write_bytes(b"x = 1\0")
    with pytest.raises(
        NodeTypeError, match=r"^my_nodes\.py: SyntaxError: source code string cannot contain null bytes$"
    ):
        load_nodes("my_nodes.py")


def test_nothing_stays_of_a_file_that_fails(folder: Path) -> None:
    """A module that was only half made is not left for others to find."""
    before = set(sys.modules)
    with pytest.raises(NodeTypeError) as caught:
        load_nodes(write(folder / "my_nodes.py", "1 / 0"))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert not [name for name in set(sys.modules) - before if "my_nodes" in name]


@pytest.mark.parametrize("reference", ["nothing.py", "no/such/file.py", "sub"])
def test_a_file_that_is_not_there(folder: Path, reference: str) -> None:
    """A path that leads nowhere, or to a folder, is told as it was written."""
    (folder / "sub").mkdir()
    sought = "./sub" if reference == "sub" else reference
    with pytest.raises(NodeTypeError, match=f"^{sought}: there is no such file$"):
        load_nodes(sought)


def test_a_file_that_is_no_python(folder: Path) -> None:
    """Only a file that ends in .py can be a module."""
    with pytest.raises(NodeTypeError, match=r"a file of node types ends in \.py$"):
        load_nodes(write(folder / "nodes.txt", SHOUT))


@pytest.mark.parametrize(
    ("reference", "sentence"),
    [
        ("no_such_module", "no_such_module: ModuleNotFoundError: No module named 'no_such_module'"),
        ("beside", "beside: ModuleNotFoundError: No module named 'beside'; did you mean the file beside.py?"),
        ("broken", "broken: ZeroDivisionError: division by zero"),
        ("", ": ValueError: Empty module name"),
        (".relative", ".relative: TypeError: the 'package' argument is required"),
        ("textwrap", "textwrap: there are no node types in it"),
    ],
)
def test_what_is_wrong_with_a_module_is_told(folder: Path, reference: str, sentence: str) -> None:
    """A module that cannot be imported, or has nothing, is told in one line."""
    write(folder / "beside.py", SHOUT)
    write(folder / "installed" / "broken.py", "1 / 0")
    with pytest.raises(NodeTypeError) as caught:
        load_nodes(reference)
    assert str(caught.value).startswith(sentence)


# --- entry_point_nodes ------------------------------------------------------------------------------------


def test_packages_offer_types(folder: Path) -> None:
    """An entry point is a node type or a module of them; each says from which package it is."""
    write(folder / "installed" / "loud.py", SHOUT)
    write(folder / "installed" / "soft.py", f"{WHISPER}NODES = [whisper]")
    install(folder, "loud-nodes", "shout = loud:shout")
    install(folder, "soft-nodes", "all = soft")
    found, problems = entry_point_nodes()
    assert sorted((source, node_type.kind.name, node_type.kind.source) for source, node_type in found) == [
        ("loud-nodes 1.2", "shout", "loud-nodes 1.2"),
        ("soft-nodes 1.2", "whisper", "soft-nodes 1.2"),
    ]
    assert problems == []


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("x = gone", "gone: ModuleNotFoundError: No module named 'gone'"),
        ("x = broken", "broken: ZeroDivisionError: division by zero"),
        ("x = script", "script: SystemExit: 3"),
        ("x = loud:nothing", "loud:nothing: AttributeError: module 'loud' has no attribute 'nothing'"),
        ("x = loud:NAME", "loud:NAME: there are no node types in it; decorate a function with @node"),
        ("x = empty", "empty: there are no node types in it; decorate a function with @node"),
    ],
)
def test_a_broken_plug_in_is_left_out(
    folder: Path, entry: str, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told and logged; the others are there."""
    write(folder / "installed" / "loud.py", f"{SHOUT}\nNAME = 'loud'")
    write(folder / "installed" / "broken.py", "1 / 0")
    write(folder / "installed" / "script.py", "raise SystemExit(3)")
    write(folder / "installed" / "empty.py", "")
    install(folder, "bad-nodes", entry)
    install(folder, "loud-nodes", "shout = loud:shout")
    with caplog.at_level(logging.WARNING):
        found, problems = entry_point_nodes()
    assert [node_type.kind.name for _, node_type in found] == ["shout"]
    assert problems == [f"the plug-in 'x' of bad-nodes 1.2 is left out: {sentence}"]
    assert caplog.messages == problems


def test_no_plug_ins() -> None:
    """Without any, there is nothing to say."""
    assert entry_point_nodes() == ([], [])


# --- gather_catalogue -------------------------------------------------------------------------------------


def test_all_sources_in_one_catalogue(folder: Path) -> None:
    """Built-in types, those of the user's files and those of packages stand side by side."""
    write(folder / "installed" / "soft.py", WHISPER)
    install(folder, "soft-nodes", "all = soft")
    catalogue, problems = gather_catalogue([write(folder / "my_nodes.py", SHOUT)])
    assert names(list(catalogue)) == [*names(list(BUILT_INS)), "shout", "whisper"]
    assert catalogue.disabled == OUTSIDE
    assert problems == []


def test_the_users_own_types_come_first(folder: Path) -> None:
    """A package's type whose name a file of the user's has taken is left out and told."""
    write(folder / "installed" / "loud.py", SHOUT)
    install(folder, "loud-nodes", "shout = loud:shout")
    catalogue, problems = gather_catalogue([write(folder / "my_nodes.py", SHOUT)])
    taken = f"loud-nodes 1.2: the name 'shout' is taken by the node type of {folder / 'my_nodes.py'}; it is left out"
    assert problems == [taken]
    assert catalogue["shout"].kind.source == str(folder / "my_nodes.py")


def test_the_users_own_names_must_be_free(folder: Path) -> None:
    """A file cannot replace what every daemon has."""
    with pytest.raises(NodeTypeError, match="the name 'noop' is taken by the node type of built-in"):
        gather_catalogue([write(folder / "my_nodes.py", SHOUT.replace("shout", "noop"))])


def test_who_names_a_file_means_it(folder: Path) -> None:
    """The user's own types are on even if they touch the outside; those of a package wait to be allowed."""
    write(folder / "installed" / "soft.py", WHISPER.replace("@node", "@node(outside=True)"))
    install(folder, "soft-nodes", "all = soft")
    mine = write(folder / "my_nodes.py", SHOUT.replace("@node", "@node(outside=True)"))
    assert gather_catalogue([mine])[0].disabled == OUTSIDE | {"whisper"}
    assert gather_catalogue([mine], ["whisper", *OUTSIDE])[0].disabled == frozenset()


def test_a_slip_in_an_allowance_is_told() -> None:
    """An allowance is held against all types, whichever way they came."""
    with pytest.raises(NodeTypeError, match="did you mean 'python'"):
        gather_catalogue(allow=["pyton"])


def test_a_file_has_a_name_once(folder: Path) -> None:
    """Of two types of one name none is quietly lost."""
    twice = f"{SHOUT}\nother = node('shout')(lambda value: value)\n"
    with pytest.raises(NodeTypeError, match="the name 'shout' is taken"):
        gather_catalogue([write(folder / "my_nodes.py", twice)])
