"""What is printed: results for people on stdout, mistakes on stderr.

Names, values and reasons are the user's: no bracket in them is a style, no colon an emoji, and no
control character reaches the terminal.
"""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from studyhall.spaces.spelling import visible

COLUMNS_OF_A_LOG = 160


class Literal(Console):
    """A console on which text is what it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """The text of a table's cell, or any other that comes as a plain string."""
        return super().render_str(visible(text), **options)


out = Literal(width=None if sys.stdout.isatty() else COLUMNS_OF_A_LOG)
err = Literal(stderr=True)


def say(*lines: Any) -> None:
    """Print for people: text as it is, tables as they are drawn."""
    for line in lines:
        if isinstance(line, str):
            tell(out, line)
        else:
            out.print(line)


def remark(line: str) -> None:
    """Print what goes on, beside the result: on stderr."""
    tell(err, line)


def tell(console: Console, line: str) -> None:
    """Print a line on a console."""
    console.print(Text(visible(line, keep="\t")), highlight=False, soft_wrap=True)


def complain(mistake: BaseException) -> None:
    """Print a mistake: the user's own traceback where there is one, then a line per problem."""
    causes = (mistake, mistake.__cause__)
    trace = next((str(own) for cause in causes if (own := getattr(cause, "own_traceback", ""))), "")
    for line in [*trace.splitlines(), *str(mistake).splitlines()]:
        remark(line)
