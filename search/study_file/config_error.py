"""The error that reports every mistake in a study file or on the command line at once."""

from __future__ import annotations

from studyhall.spaces.spelling import visible


class ConfigError(ValueError):
    """A study file cannot be used as written; ``problems`` lists every mistake, a line each."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = [visible(problem, keep="\t") for problem in problems]
        super().__init__("\n".join(self.problems))
