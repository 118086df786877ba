"""Printing to the terminal: results for people on stdout, remarks and mistakes on stderr.

Names, values and reasons come from users and databases, so they are printed literally: rich's
markup and emoji codes are off, and control characters are made visible. What programs read, such
as CSV, has them as they are, except on a terminal.
"""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from studyhall.spaces.spelling import visible

COLUMNS_OF_A_LOG = 160
TO_COPY = ("studyhall ", "/", "=")  # in lines with commands, paths, URLs and assignments


class Literal(Console):
    """A console that prints text literally."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a plain string, such as a table's cell, with control characters made visible."""
        return super().render_str(visible(text), **options)


out = Literal(width=None if sys.stdout.isatty() else COLUMNS_OF_A_LOG)
err = Literal(stderr=True)


def say(*lines: Any) -> None:
    """Print lines of text, tables and other renderables to stdout."""
    for line in lines:
        if isinstance(line, str):
            tell(out, line)
        else:
            out.print(line)


def write(text: str) -> None:
    """Write a text that programs read to stdout; with control characters visible on a terminal."""
    sys.stdout.write(visible(text, keep="\n\t") if sys.stdout.isatty() else text)


def remark(line: str) -> None:
    """Print a remark, which is no part of the result, to stderr."""
    tell(err, line)


def tell(console: Console, line: str) -> None:
    """Print a line on a console; a terminal breaks it between words, unless it is to be copied."""
    whole = not console.is_terminal or any(each in line for each in TO_COPY)
    console.print(Text(visible(line, keep="\t")), highlight=False, soft_wrap=whole)


def complain(mistake: BaseException) -> None:
    """Print a mistake to stderr: the user's own traceback, if any, then a line per problem."""
    causes = (mistake, mistake.__cause__)
    trace = next((str(own) for cause in causes if (own := getattr(cause, "own_traceback", ""))), "")
    for line in [*trace.splitlines(), *str(mistake).splitlines()]:
        remark(line)
