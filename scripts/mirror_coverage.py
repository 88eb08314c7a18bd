"""Print, for each module, how much of it its own test file covers by itself, and how much all tests do.

Reads the data of one `coverage run -m pytest`, in which `tests/conftest.py` named the test file at work as
coverage's context. What runs while modules are imported belongs to no test and counts for everyone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from coverage import Coverage

from house import ROOT, mirrored

if TYPE_CHECKING:
    from pathlib import Path


def main() -> None:
    """Print the table, the least covered module first."""
    measured = Coverage()
    measured.load()
    rows = sorted(row(measured, module, test) for module, test in mirrored().items())
    print(f"{'module':<44}{'own tests':>10}{'all tests':>10}")
    for own, whole, name in rows:
        print(f"{name:<44}{own:>9.1f}%{whole:>9.1f}%")


def row(measured: Coverage, module: Path, test: Path) -> tuple[float, float, str]:
    """Own share, whole share and name of one module; shares in percent."""
    own = percent(measured, module, [f"^{re.escape(test.relative_to(ROOT).as_posix())}$", "^$"])
    return own, percent(measured, module, [".*"]), module.relative_to(ROOT / "bluev_actors").as_posix()


def percent(measured: Coverage, module: Path, contexts: list[str]) -> float:
    """The share of statements and branches that ran in any of these contexts, in percent."""
    measured.get_data().set_query_contexts(contexts)
    _, statements, _, missing, _ = measured.analysis2(str(module))
    branches = measured.branch_stats(str(module)).values()
    possible = len(statements) + sum(total for total, _ in branches)
    taken = len(statements) - len(missing) + sum(taken for _, taken in branches)
    return 100.0 * taken / possible if possible else 100.0


if __name__ == "__main__":
    main()
