"""The plug-in for pytest, in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# What the tests below take must be there before: pytester forgets what is first imported in a run of its own.
import bluev_actors.actors
from bluev_actors.testing import leftovers, plugin, probe, recorder, trees, virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ("pytester",)

ROOT = Path(__file__).parents[2]

ALREADY_THERE = (bluev_actors.actors, leftovers, probe, recorder, trees, virtual_time)

# The entry point of an installed package is not used: these are tests of the module in this checkout.
OPTIONS = ("-p", "no:cacheprovider", "-p", "no:bluev_actors")

ACTORS = '''
import pytest
import trio
from bluev_actors.actors import Actor, ActorRestarted, ActorStarted, Request, child, handles
from bluev_actors.testing import run_in_virtual_time, tree

class Break:
    """Makes an actor crash."""

class Question(Request[int]):
    """Is answered by a number."""

class Fragile(Actor):
    @handles
    def on_break(self, message: Break) -> None:
        raise RuntimeError("broken")
'''


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Runs a file of tests with every warning as an error, in this process unless it is asked for one of its own."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run(body: str, *options: str, apart: bool = False) -> pytest.RunResult:
        pytester.makepyprojecttoml(
            '[tool.pytest.ini_options]\naddopts = ["--strict-markers"]\nfilterwarnings = ["error"]'
        )
        pytester.makepyfile(ACTORS + body)
        if apart:
            return pytester.runpytest_subprocess(*OPTIONS, "-p", plugin.__name__, *options, timeout=60)
        return pytester.runpytest_inprocess(*OPTIONS, *options, plugins=[plugin])

    return run


@pytest.mark.parametrize("apart", [False, True])
def test_a_system_in_virtual_time(run: Callable[..., pytest.RunResult], *, apart: bool) -> None:
    """The marker alone is enough: no `trio_mode`, no other mark, no clock to pass."""
    result = run(
        """
@pytest.mark.virtual_time
async def test_an_hour(actor_system, actor_events):
    ref = await actor_system.start(child("fragile", Fragile))
    await trio.sleep(3600)
    ref.tell(Break())
    await actor_events.wait_for(ActorStarted)
    await actor_events.wait_for(ActorRestarted, path="/fragile")
    assert tree(actor_system) == {"fragile": "running"}
""",
        apart=apart,
    )
    result.assert_outcomes(passed=1)


def test_a_probe(run: Callable[..., pytest.RunResult]) -> None:
    """As many as a test wants, each of a name of its own."""
    result = run("""
pytestmark = pytest.mark.virtual_time

async def test_probes(probe, actor_system):
    bank, shop = await probe("bank"), await probe("shop")
    bank.answers(Question, 42)
    assert await bank.ref.ask(Question()) == 42
    await bank.expect(Question)
    await shop.expect_nothing(60)
    assert tree(actor_system) == {"bank": "running", "shop": "running"}

async def test_each_test_has_a_system_of_its_own(probe):
    bank = await probe()
    assert bank.messages == []
""")
    result.assert_outcomes(passed=2)


def test_dead_letters(run: Callable[..., pytest.RunResult]) -> None:
    """What waits in the mailbox of one that is stopped is recorded."""
    result = run("""
@pytest.mark.virtual_time
async def test_lost(actor_system, dead_letters):
    ref = await actor_system.start(child("fragile", Fragile))
    await dead_letters.expect_nothing()
    ref.stop()
    ref.tell(Break())
    await dead_letters.wait_for(object, path="/fragile")
""")
    result.assert_outcomes(passed=1)


def test_in_real_time(run: Callable[..., pytest.RunResult]) -> None:
    """Without the marker the fixtures follow pytest-trio's own mark, and its clocks."""
    result = run("""
@pytest.mark.trio
async def test_real(actor_system):
    assert tree(actor_system) == {}

@pytest.mark.trio
async def test_jumping(actor_system, autojump_clock):
    await trio.sleep(3600)

@pytest.mark.virtual_time
async def test_both(actor_system, autojump_clock):
    await trio.sleep(3600)
""")
    result.assert_outcomes(passed=3)


def test_with_trio_mode(run: Callable[..., pytest.RunResult]) -> None:
    """The marker wins over the runner that pytest-trio chooses by itself."""
    result = run(
        '''
@pytest.mark.virtual_time
async def test_an_hour():
    await trio.sleep(3600)

async def test_no_hour():
    with trio.move_on_after(0.01) as scope:
        await trio.sleep(3600)
    assert scope.cancelled_caught

@pytest.mark.virtual_time
def test_plain():
    """The marker means nothing here."""
''',
        "-o",
        "trio_mode=true",
    )
    result.assert_outcomes(passed=3)


def test_with_hypothesis(run: Callable[..., pytest.RunResult]) -> None:
    """Pytest-trio has no runner but its own for examples, so the marker is refused, with what to do instead."""
    result = run('''
from hypothesis import given, settings, strategies as st

@pytest.mark.virtual_time
@given(hours=st.integers(1, 5))
async def test_hours(hours):
    """Would take hours."""

@settings(max_examples=5, database=None, deadline=None)
@given(hours=st.integers(1, 5))
def test_plain(hours):
    run_in_virtual_time(trio.sleep, 3600 * hours)
''')
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["virtual_time does not go with @given: call run_in_virtual_time in a plain test"])


def test_a_task_that_is_left(run: Callable[..., pytest.RunResult]) -> None:
    """A system task that outlives the test's system is a failure of the test."""
    result = run("""
@pytest.mark.virtual_time
async def test_leaves_a_task(actor_system):
    trio.lowlevel.spawn_system_task(trio.sleep, 3600)

@pytest.mark.virtual_time
async def test_leaves_none(actor_system, nursery):
    nursery.start_soon(trio.sleep_forever)
""")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: left running: *sleep*"])


def test_a_test_that_fails(run: Callable[..., pytest.RunResult]) -> None:
    """Its own error is shown."""
    result = run("""
@pytest.mark.virtual_time
async def test_fails(actor_system):
    assert tree(actor_system) == {"a": "running"}
""")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: assert {} == {'a': 'running'}*"])


def test_without_pytest_trio(run: Callable[..., pytest.RunResult]) -> None:
    """What is missing is said, once somebody asks for it; the rest of the suite is not touched."""
    result = run(
        """
def test_of_somebody_else():
    pass

async def test_async(actor_system):
    pass

def test_plain(probe):
    pass

@pytest.mark.virtual_time
async def test_marked():
    pass
""",
        "-p",
        "no:trio",
    )
    result.assert_outcomes(passed=1, errors=3)
    result.stdout.fnmatch_lines(["the plug-in of bluev_actors needs pytest-trio: pip install pytest-trio"])


def test_the_marker_is_known(run: Callable[..., pytest.RunResult]) -> None:
    """It is listed with what it does."""
    run("", "--markers").stdout.fnmatch_lines(["@pytest.mark.virtual_time: run the async test in Trio*"])


def test_it_loads_nothing_before_it_is_needed() -> None:
    """Every pytest run on a machine pays for a plug-in, so this one costs nothing."""
    code = (
        "import sys, pytest; before = set(sys.modules); import bluev_actors.testing.plugin;"
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S603 - it is our own
    assert done.stdout.split() == ["bluev_actors"]
