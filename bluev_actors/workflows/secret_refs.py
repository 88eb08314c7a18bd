"""References to secrets in params, and secrets that stand there in plain sight."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from bluev_actors.workflows.interpolation import SECRET, is_secret
from bluev_actors.workflows.problems import GraphProblem
from bluev_actors.workflows.values import is_list, is_object
from bluev_actors.workflows.wording import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from bluev_actors.workflows.values import Json

_TELLING: Final = re.compile(r"password|passwd|secret|token|api_?key|authorization|credential", re.IGNORECASE)


def check_secrets(value: Json, known: Collection[str], path: str = "") -> Iterator[GraphProblem]:
    """Find references that lead nowhere, and texts that look like secrets (`secret_in_plain_param`, a warning).

    Args:
        value: a node's params, or a part of them.
        known: the names of the secrets there are. Messages do not list them.
        path: where the value stands, from the params on.
    """
    if is_secret(value):
        if value[SECRET] not in known:
            message = f"no secret {quoted(value[SECRET])} is known; the operator has to give it"
            yield GraphProblem("unknown_secret", message, path)
    elif is_object(value):
        yield from _check_object(value, known, path)
    elif is_list(value):
        for index, item in enumerate(value):
            yield from check_secrets(item, known, f"{path}[{index}]")


def _check_object(value: dict[str, Json], known: Collection[str], path: str) -> Iterator[GraphProblem]:
    if SECRET in value:
        message = f'a secret is written as {{"{SECRET}": "NAME"}} and nothing else beside it'
        yield GraphProblem("invalid_param", message, path)
        return
    for name, item in value.items():
        where = f"{path}.{name}" if path else name
        if isinstance(item, str) and item and "${" not in item and _TELLING.search(name):
            message = f'{quoted(name)} looks like a secret in plain sight; write {{"{SECRET}": "NAME"}} instead'
            yield GraphProblem("secret_in_plain_param", message, where)
        yield from check_secrets(item, known, where)
