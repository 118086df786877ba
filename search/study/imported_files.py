"""The user's own files that a file imports, read from its syntax without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def imported(path: Path) -> list[Path]:
    """Return the Python files that a file imports from its folder, directly or through others.

    The folder is where Python looks for them when a study runs the file. Modules that are installed
    are not among them, nor is what code imports by a name that it computes.

    Args:
        path: a Python file of the user's.

    Returns:
        Sorted paths, without `path` itself.
    """
    found: set[Path] = set()
    open_files = [path]
    while open_files:
        for other in _direct(open_files.pop(), path.parent):
            if other not in found and other != path:
                found.add(other)
                open_files.append(other)
    return sorted(found)


def _direct(path: Path, folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that a file imports itself."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return  # running the file tells the user what is wrong with it
    package = path.parent.relative_to(folder).parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(folder, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            # One dot stands for the file's own package, each further dot for the one above.
            above = package[: len(package) + 1 - node.level] if node.level else ()
            module = [*above, *(node.module or "").split(".")] if node.module else [*above]
            for alias in node.names:
                yield from _files(folder, [*module, alias.name])


def _files(folder: Path, names: list[str]) -> Iterator[Path]:
    """Yield the files that Python runs to import a dotted name: its packages and its module."""
    place = folder
    for name in names:
        if (module := place / f"{name}.py").is_file():
            yield module
        place = place / name
        if (package := place / "__init__.py").is_file():
            yield package
