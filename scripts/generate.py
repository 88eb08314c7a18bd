"""Write the committed files that are made from the code: public names, reference pages, floor plan."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING

import floor_plan
import node_pages
from bluev_actors import errors
from bluev_actors.errors import BluevError
from bluev_actors.protocol import reference
from house import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PUBLIC_PACKAGES = (
    "bluev_actors",
    "bluev_actors.actors",
    "bluev_actors.workflows",
    "bluev_actors.protocol",
    "bluev_actors.engine",
    "bluev_actors.client",
    "bluev_actors.testing",
)


def main() -> None:
    """Write each file that is not up to date and say so."""
    for path, text in generated().items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
            print(f"wrote {path.relative_to(ROOT)}")


def generated() -> dict[Path, str]:
    """Map each of these files to what it must hold."""
    return {
        ROOT / "tests/house/public_names.txt": public_names(),
        ROOT / "docs/reference/errors.md": error_reference(),
        ROOT / "docs/reference/protocol.md": reference.render(),
        ROOT / "docs/floor-plan.md": floor_plan.page(),
        **{ROOT / "docs/reference" / name: page for name, page in node_pages.pages().items()},
    }


def public_names() -> str:
    """One `package.name` per line for everything the public packages export."""
    names = [f"{package}.{name}\n" for package in PUBLIC_PACKAGES for name in sorted(_exported(package))]
    return "".join(names)


def _exported(package: str) -> list[str]:
    return list(getattr(importlib.import_module(package), "__all__", []))


def error_classes() -> list[type[BluevError]]:
    """Every error of `bluev_actors.errors`, the root first and then as written."""
    return [cls for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, BluevError)]


def error_reference() -> str:
    """The page `docs/reference/errors.md`: each error with its code and its meaning."""
    rows = [f"| `{_code(cls)}` | `{cls.__name__}` | {_first_line(cls)} |\n" for cls in error_classes()]
    return _ERROR_PAGE + "".join(rows)


def _code(cls: type[BluevError]) -> str:
    return cls.code if "code" in vars(cls) else "..."


def _first_line(cls: type[BluevError]) -> str:
    return (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")


_ERROR_PAGE = """\
# Errors

This page is written by `scripts/generate` from `bluev_actors/errors.py`.

Every error that this package raises on purpose derives from `BluevError`. Its `code` is stable: it is what
the socket and the REST answers show, so a program may decide by it. Where the table shows `...`, each error
carries the code it was raised with.

| code | class | meaning |
|---|---|---|
"""


if __name__ == "__main__":
    main()
