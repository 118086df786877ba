"""The writes that the dashboard allows, and the role each needs; all others are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from studyhall.search.dashboard.users import Role

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

LARGEST = 64 * 2**20  # bytes of a request; an uploaded file is a single request

Closed = Literal["never", "study", "database"]


@dataclass(frozen=True)
class Route:
    """A kind of request that writes.

    Attributes:
        method: The HTTP method.
        path: The path in optuna-dashboard, with <study>, <trial> and <id>.
        role: The lowest role that may send it.
        what: The name of the action, by which it is handled and shown in refusals.
        closed: "study": refused while workers are on the study; "database": while workers are on
            any study of the database.
        longest: The most bytes of the request's body.
    """

    method: str
    path: str
    role: Role
    what: str
    closed: Closed = "never"
    longest: int = 64 * 2**10

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as a regular expression with the groups study and trial."""
        text = re.escape(self.path).replace("<id>", "[0-9a-fA-F-]+")
        return re.compile(re.sub(r"<(study|trial)>", r"(?P<\1>[0-9]+)", text))


ROUTES = (
    Route("PUT", "/api/studies/<study>/note", Role.EDITOR, "note"),
    Route("PUT", "/api/studies/<study>/<trial>/note", Role.EDITOR, "note"),
    Route("POST", "/api/artifacts/<study>", Role.EDITOR, "attach", longest=LARGEST),
    Route("POST", "/api/artifacts/<study>/<trial>", Role.EDITOR, "attach", longest=LARGEST),
    Route("POST", "/api/trials/<trial>/tell", Role.EDITOR, "stop"),
    Route("DELETE", "/api/studies/<study>", Role.ADMIN, "delete"),
    Route("DELETE", "/api/artifacts/<study>/<id>", Role.ADMIN, "detach"),
    Route("DELETE", "/api/artifacts/<study>/<trial>/<id>", Role.ADMIN, "detach"),
    Route("POST", "/api/studies/<study>/rename", Role.ADMIN, "rename", closed="study"),
    Route("POST", "/incompatible-rdb-schema", Role.ADMIN, "upgrade", closed="database"),
    Route("POST", "/api/studies", Role.ADMIN, "create"),
    Route("POST", "/api/trials/<trial>/user-attrs", Role.ADMIN, "attributes"),
    Route("POST", "/api/studies/<study>/<trial>/skip", Role.ADMIN, "preference"),
    Route("POST", "/api/studies/<study>/preference", Role.ADMIN, "preference"),
    Route("PUT", "/api/studies/<study>/preference_feedback_component", Role.ADMIN, "preference"),
    Route("DELETE", "/api/studies/<study>/preference/<id>", Role.ADMIN, "preference"),
    Route("POST", "/api/studies/<study>/preference/<id>", Role.ADMIN, "preference"),
    Route("POST", "/api/llm/trial_filter_query", Role.ADMIN, "ask"),
    Route("POST", "/api/llm/generate_plotly_graph_query", Role.ADMIN, "ask"),
    Route("POST", "/api/llm/re_generate_plotly_graph_query", Role.ADMIN, "ask"),
)


@dataclass(frozen=True)
class Write:
    """A request that writes, parsed."""

    route: Route
    study_id: int | None
    trial_id: int | None


def find(method: str, path: str) -> Write | None:
    """Return the parsed write of a request; None if no route matches."""
    return next(_matching(method, path.rstrip("/")), None)


def _matching(method: str, path: str) -> Iterator[Write]:
    for route in ROUTES:
        if route.method == method and (found := route.pattern.fullmatch(path)):
            ids = found.groupdict()
            yield Write(route, *(int(ids[k]) if ids.get(k) else None for k in ("study", "trial")))
