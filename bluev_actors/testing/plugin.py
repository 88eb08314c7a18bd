"""A plug-in for pytest: an actor system, probes and recorders as fixtures, and tests in virtual time.

It is there wherever the package is installed together with pytest. Nothing but pytest is loaded until a fixture is
asked for, because what is imported here has doors that load on demand. The fixtures need pytest-trio, and say so if it
is not there.

    @pytest.mark.virtual_time
    async def test_it_is_restarted(actor_system, actor_events):
        ref = await actor_system.start(Fragile)
        ref.tell(Break())
        await actor_events.wait_for(ActorRestarted, path=ref.path)
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

import bluev_actors.testing

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from bluev_actors.actors.events import ActorEvent, DeadLetter
    from bluev_actors.actors.system import System
    from bluev_actors.testing.probe import Probe
    from bluev_actors.testing.recorder import Recorder

VIRTUAL_TIME = "virtual_time"
"""The name of the marker."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{VIRTUAL_TIME}: run the async test in Trio, with a clock that jumps whenever nobody has anything to do",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have pytest-trio run the marked async tests with a clock that jumps, in its own mode or not."""
    marked = [item for item in items if _has_trio(config) and item.get_closest_marker(VIRTUAL_TIME)]
    for item in marked:
        if inspect.iscoroutinefunction(getattr(item, "obj", None)):
            # In front, because pytest-trio takes the first of its marks that names a runner.
            item.add_marker(pytest.mark.trio(run=_run_in_virtual_time), append=False)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse the marker where it would mean nothing: pytest-trio runs each example of Hypothesis in real time."""
    if not item.get_closest_marker(VIRTUAL_TIME):
        return
    _need_trio(item.config)
    if hasattr(getattr(item, "obj", None), "hypothesis"):
        pytest.fail(f"{VIRTUAL_TIME} does not go with @given: call run_in_virtual_time in a plain test", pytrace=False)


@pytest.fixture
def _pytest_trio(request: pytest.FixtureRequest) -> None:
    """Needed by the others: without pytest-trio, pytest's own message would not say what is missing."""
    _need_trio(request.config)


@pytest.fixture
async def actor_system(_pytest_trio: None) -> AsyncGenerator[System]:
    """An empty actor system in the test's own Trio run; after the test it is closed, and no task may be left."""
    with bluev_actors.testing.no_task_left():
        async with bluev_actors.open_system() as system:
            yield system


@pytest.fixture
def probe(actor_system: System) -> Callable[..., Awaitable[Probe[Any]]]:
    """Starts a probe of a name in `actor_system` and must be awaited, each time it is called."""
    return partial(bluev_actors.testing.start_probe, actor_system)


@pytest.fixture
def actor_events(actor_system: System) -> Generator[Recorder[ActorEvent]]:
    """What happens to the actors of `actor_system`."""
    with bluev_actors.testing.record_events(actor_system) as recorder:
        yield recorder


@pytest.fixture
def dead_letters(actor_system: System) -> Generator[Recorder[DeadLetter]]:
    """The messages in `actor_system` that reach nobody."""
    with bluev_actors.testing.record_dead_letters(actor_system) as recorder:
        yield recorder


def _need_trio(config: pytest.Config) -> None:
    if not _has_trio(config):
        pytest.fail("the plug-in of bluev_actors needs pytest-trio: pip install pytest-trio", pytrace=False)


def _has_trio(config: pytest.Config) -> bool:
    return config.pluginmanager.has_plugin("trio")


def _run_in_virtual_time(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - as `trio.run`
    return bluev_actors.testing.run_in_virtual_time(*args, **options)
