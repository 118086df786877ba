"""What is printed: results for people on stdout, mistakes on stderr."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console

COLUMNS_OF_A_LOG = 160

out = Console(width=None if sys.stdout.isatty() else COLUMNS_OF_A_LOG)
err = Console(stderr=True)


def say(*lines: Any) -> None:
    """Print for people: text as it is, tables as they are drawn."""
    for line in lines:
        if isinstance(line, str):
            out.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            out.print(line)


def remark(line: str) -> None:
    """Print what goes on, beside the result: on stderr."""
    err.print(line, markup=False, highlight=False, soft_wrap=True)


def complain(mistake: BaseException) -> None:
    """Print a mistake: the user's own traceback where there is one, then a line per problem."""
    causes = (mistake, mistake.__cause__)
    trace = next((str(own) for cause in causes if (own := getattr(cause, "own_traceback", ""))), "")
    for line in [*trace.splitlines(), *str(mistake).splitlines()]:
        remark(line)
