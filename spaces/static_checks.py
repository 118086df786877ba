"""Static checks of a user's file, before it is run: running it may take hours or write files.

Only certain mistakes are refused. Whatever a file creates dynamically (by decorators, imports,
assignments) is checked when it runs.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

from studyhall.spaces.failures import UnusableCodeError
from studyhall.spaces.spelling import nearest

FITTING = {"epochs", "validation_data", "validation_split", "steps_per_epoch", "callbacks"}
TUNERS = {"Hyperband", "RandomSearch", "BayesianOptimization", "GridSearch", "Tuner"}
OURS = "studyhall"  # already imported when a user's file runs
DYNAMIC = {"globals", "vars", "exec", "setattr"}  # calls that may bind any name

_Function = ast.FunctionDef | ast.AsyncFunctionDef


Forms = tuple[tuple[str, ...], ...]  # sets of arguments, of which a function must take one


def check(path: Path, name: str, takes: Forms | None, *, classes: bool = False) -> None:
    """Refuse a file that lacks the function, or that trains whenever it is imported.

    Args:
        path: the file.
        name: the function's name.
        takes: names of the arguments that it may be called with; None = not checked.
        classes: the name may be that of a class.

    Raises:
        UnusableCodeError: If the file has such a mistake; the message says what it has instead.
    """
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):  # running the file reports the line
        return
    _check_imports(path, tree)
    statements = [*_run_at_import(tree.body)]
    _check_function(path, name, takes, statements, classes)
    _check_trainings(path, statements)


def _check_imports(path: Path, tree: ast.Module) -> None:
    """Refuse a file that imports its neighbour studyhall.py: it would get our package instead."""
    files = (f"{OURS}.py", f"{OURS}/__init__.py")
    own = next((file for file in files if (path.parent / file).exists()), None)
    for each in ast.walk(tree) if own else ():
        names = [each.module or ""] if isinstance(each, ast.ImportFrom) and not each.level else []
        names += [alias.name for alias in each.names] if isinstance(each, ast.Import) else []
        if OURS in {name.partition(".")[0] for name in names} and isinstance(each, ast.stmt):
            raise UnusableCodeError(
                f"{path.name}, line {each.lineno}: imports {OURS}, which is the package that runs "
                f"this study, not {own} in the same folder; expected another name for {own}"
            )


def _check_function(
    path: Path, name: str, takes: Forms | None, statements: list[ast.stmt], classes: bool
) -> None:
    bound = [each for each in statements if name in _bound(each)]
    if not bound and not any(map(_is_dynamic, statements)):
        functions = [each.name for each in statements if isinstance(each, _Function)]
        raise UnusableCodeError(f'{path.name} has no function "{name}"{_has(name, functions)}')
    last = bound[-1] if bound else None
    if isinstance(last, ast.ClassDef) and not classes:
        raise UnusableCodeError(f"{path.name}:{name} is a class, expected a function")
    if isinstance(last, _Function) and takes is not None and not last.decorator_list:
        _check_arguments(last.args, takes, f"{path.name}:{name}")


def _has(name: str, functions: list[str]) -> str:
    near = nearest(name, functions)
    has = f"; it has {', '.join(functions)}" if functions else "; it has no functions at all"
    return has + (f'; did you mean "{near}"?' if near else "")


def _run_at_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield every statement that an import runs, including those in branches and loops."""
    for each in body:
        if isinstance(each, ast.If) and "__name__" in ast.unparse(each.test):
            yield from _run_at_import(each.orelse)
            continue
        yield each
        if not isinstance(each, _Function | ast.ClassDef):
            for field in ("body", "orelse", "finalbody"):
                yield from _run_at_import(getattr(each, field, []))
            for handler in getattr(each, "handlers", []):
                yield from _run_at_import(handler.body)


def _bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement assigns."""
    if isinstance(statement, _Function | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return {each.asname or each.name.partition(".")[0] for each in statement.names}
    nodes = ast.walk(statement)
    return {
        each.id for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }


def _is_dynamic(statement: ast.stmt) -> bool:
    """Check whether a statement may define names that its syntax doesn't show."""
    if isinstance(statement, _Function):
        return statement.name == "__getattr__"
    if isinstance(statement, ast.ImportFrom):
        return any(each.name == "*" for each in statement.names)
    names = (each.id for each in ast.walk(statement) if isinstance(each, ast.Name))
    return not isinstance(statement, ast.ClassDef) and not DYNAMIC.isdisjoint(names)


def _check_arguments(arguments: ast.arguments, takes: Forms, name: str) -> None:
    signature = inspect.Signature([*_parameters(arguments)])
    if not any(fits(signature, each) for each in takes):
        forms = [f"({', '.join(each)})" for each in takes]
        expected = " or ".join(filter(None, (", ".join(forms[:-1]), forms[-1])))
        raise UnusableCodeError(f"{name} takes ({ast.unparse(arguments)}), expected {expected}")


def fits(signature: inspect.Signature, arguments: tuple[str, ...]) -> bool:
    """Return True if a signature can be called with these arguments by position."""
    try:
        signature.bind(*arguments)
    except TypeError:
        return False
    return True


def _parameters(arguments: ast.arguments) -> Iterator[inspect.Parameter]:
    """Yield the parameters as `inspect.signature` would; every default value becomes None."""
    kinds, free = inspect.Parameter, inspect.Parameter.empty
    positional = [*arguments.posonlyargs, *arguments.args]
    first_default = len(positional) - len(arguments.defaults)
    for at, each in enumerate(positional):
        default = None if at >= first_default else free
        yield inspect.Parameter(each.arg, kinds.POSITIONAL_OR_KEYWORD, default=default)
    if arguments.vararg:
        yield inspect.Parameter(arguments.vararg.arg, kinds.VAR_POSITIONAL)
    for each, given in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        default = free if given is None else None
        yield inspect.Parameter(each.arg, kinds.KEYWORD_ONLY, default=default)


# Searches and trainings that an import would run.


def _check_trainings(path: Path, statements: list[ast.stmt]) -> None:
    functions = {each.name: each for each in statements if isinstance(each, _Function)}
    tuners = {*_names_of(statements, TUNERS)}
    studies = {*_names_of(statements, {"create_study", "load_study"})}
    for call in (call for each in statements for call in _calls(each)):
        called = functions.get(ast.unparse(call.func))
        inside = _run_at_import(called.body) if called else []
        for each in (call, *(inner for statement in inside for inner in _calls(statement))):
            if _trains(each, tuners, studies):
                runs = f"{path.name}, line {call.lineno}: {ast.unparse(each.func)}(…) runs"
                raise UnusableCodeError(
                    f"{runs} whenever the file is imported, in every worker; expected it under "
                    f'if __name__ == "__main__":, or the whole script: studyhall run {path.name}'
                )


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls of one statement, excluding those of nested statements and functions."""
    if isinstance(node, _Function | ast.ClassDef):
        return
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt | ast.ExceptHandler | ast.Lambda):
            if isinstance(child, ast.Call):
                yield child
            yield from _calls(child)


def _trains(call: ast.Call, tuners: set[str], studies: set[str]) -> bool:
    """Check whether a call trains a model or runs a search.

    The name ``fit`` alone is not enough (scalers have it too): its arguments must be Keras'.
    """
    if not isinstance(call.func, ast.Attribute):
        return False
    owner, method = ast.unparse(call.func.value), call.func.attr
    given = {each.arg for each in call.keywords}
    if method in ("fit", "search"):
        return bool(given & FITTING) or (method == "search" and _is_one(owner, "tuner", tuners))
    return method == "optimize" and ("n_trials" in given or _is_one(owner, "study", studies))


def _is_one(owner: str, word: str, known: set[str]) -> bool:
    return owner in known or word in owner.lower()


def _names_of(statements: list[ast.stmt], makers: set[str]) -> Iterator[str]:
    """Yield the variables that hold the results of these functions or classes."""
    for each in statements:
        if not isinstance(each, ast.Assign) or not isinstance(each.value, ast.Call):
            continue
        if ast.unparse(each.value.func).rpartition(".")[2] in makers:
            yield from (ast.unparse(target) for target in each.targets)
