"""The fingerprint of a script: that of its code, without what may change while a study goes on."""

from __future__ import annotations

import ast
import hashlib
import re
from pathlib import Path

# Arguments and constants that say how much is searched, and not what.
BUDGET = re.compile(
    r"(max|n|num)_?trials|timeout|n_jobs|overwrite|load_if_exists|show_progress_bar|verbose",
    re.IGNORECASE,
)


def of_file(path: Path) -> str:
    """Return the SHA-256 (hex) of a file's code, without comments, layout and its budget."""
    content = path.read_bytes()
    try:
        tree = _Without().visit(ast.parse(content))
    except (SyntaxError, ValueError):  # running it says what is wrong
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


class _Without(ast.NodeTransformer):
    """Leaves out the values of arguments and constants of the budget."""

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        if node.arg is not None and BUDGET.fullmatch(node.arg):
            return ast.keyword(node.arg, ast.Constant(None))
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        names = [each.id for each in node.targets if isinstance(each, ast.Name)]
        if isinstance(node.value, ast.Constant) and any(map(BUDGET.fullmatch, names)):
            return ast.Assign(node.targets, ast.Constant(None), lineno=node.lineno)
        return self.generic_visit(node)
