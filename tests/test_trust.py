"""The contents of databases and files are data: nothing of them is ever run."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [path for package in ("search", "spaces", "storage") for path in
           sorted((ROOT / package).rglob("*.py"))]  # fmt: skip
# Functions and arguments, from parent to child, by a socket that only this user can open.
HANDED = ROOT / "search/process/offer.py"
RUN_WHAT_THEY_READ = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}


def test_there_is_something_to_look_at() -> None:
    assert len(SOURCES) > 100


@pytest.mark.parametrize("kind", ["import", "call"])
def test_nothing_is_unpickled(kind: str) -> None:
    assert HANDED in SOURCES
    for path in SOURCES:
        if path == HANDED:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found = _imported(node) if kind == "import" else _unsafe(node)
            assert not found, f"{path}: {found}"


def _imported(node: ast.AST) -> set[str]:
    names = [alias.name for alias in getattr(node, "names", ()) if isinstance(alias, ast.alias)]
    names.append(getattr(node, "module", None) or "")
    return {name.partition(".")[0] for name in names} & RUN_WHAT_THEY_READ


def _unsafe(node: ast.AST) -> list[str]:
    """Arguments that let a loader run code: only the user's own code may be trusted."""
    if not isinstance(node, ast.Call):
        return []
    return [
        keyword.arg or ""
        for keyword in node.keywords
        if isinstance(keyword.value, ast.Constant)
        and (keyword.arg, keyword.value.value) in (("allow_pickle", True), ("safe_mode", False))
    ]
