"""Errors in the user's data: one line per mistake, all of them at once."""

from collections.abc import Iterable

from studyhall.spaces.spelling import visible


class DataError(ValueError):
    """The data can't be used.

    Attributes:
        problems: every mistake as a line, `[data] key: received …, expected …`.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = [visible(problem, keep="\t") for problem in problems]
        super().__init__("\n".join(self.problems))


def problem(key: str, received: str, expected: str) -> str:
    """Return the line that describes one mistake."""
    return f"[data] {key}: received {received}, expected {expected}"


def refusal(key: str, received: str, expected: str) -> DataError:
    """Return an error with a single problem, to be raised."""
    return DataError([problem(key, received, expected)])


def shortened(names: Iterable[str], limit: int = 12) -> str:
    """Join names by commas; beyond `limit` names, show the first ones and the number of all."""
    listed = list(names)
    more = f", … ({len(listed)} in all)" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more
