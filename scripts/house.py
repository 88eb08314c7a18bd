"""What the scripts and the house tests know of this checkout: its modules, their tests, its texts."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bluev_actors"
_MADE_BY_TOOLS = {"__pycache__", "node_modules", "build", "dist"}


@cache
def modules() -> dict[str, Path]:
    """Map each module's dotted name to its file; a package goes by its own name."""
    return {_dotted(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def mirrored() -> dict[Path, Path]:
    """Map each file that must have a test file of its own to that test file, which may be missing."""
    files = [path for path in modules().values() if path.stem not in {"__init__", "__main__"}]
    return {path: _mirror(path) for path in files}


def _mirror(path: Path) -> Path:
    return ROOT / "tests" / path.relative_to(PACKAGE).with_name(f"test_{path.name}")


def texts() -> list[Path]:
    """Every file of the checkout that a person wrote, without asking git, which may not be there."""
    return [path for path in _walk(ROOT) if _is_text(path)]


def _walk(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        elif path.name == ".ci" or not (path.name.startswith(".") or path.name in _MADE_BY_TOOLS):
            yield from _walk(path)


def _is_text(path: Path) -> bool:
    try:
        return bool(path.read_text("utf-8"))
    except UnicodeDecodeError:
        return False
