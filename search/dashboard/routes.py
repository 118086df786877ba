"""What may be written through the dashboard, and who may: a write that is not listed is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from studyhall.search.dashboard.users import Role

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

Closed = Literal["never", "study", "database"]


@dataclass(frozen=True)
class Route:
    """One way to write.

    Attributes:
        path: as optuna-dashboard spells it, with <study>, <trial> and <id>.
        what: what it does, for the audit log.
        closed: refused while workers are on the study, or on any study of the database.
    """

    method: str
    path: str
    role: Role
    what: str
    closed: Closed = "never"

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as a pattern with the groups study and trial."""
        text = re.escape(self.path).replace("<id>", "[0-9a-fA-F-]+")
        return re.compile(re.sub(r"<(study|trial)>", r"(?P<\1>[0-9]+)", text))


ROUTES = (
    Route("PUT", "/api/studies/<study>/note", Role.EDITOR, "note"),
    Route("PUT", "/api/studies/<study>/<trial>/note", Role.EDITOR, "note"),
    Route("POST", "/api/artifacts/<study>", Role.EDITOR, "attach"),
    Route("POST", "/api/artifacts/<study>/<trial>", Role.EDITOR, "attach"),
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
    """A request that writes, understood."""

    route: Route
    study_id: int | None
    trial_id: int | None


def find(method: str, path: str) -> Write | None:
    """What a request would write; None for what no route is for."""
    return next(_matching(method, path.rstrip("/")), None)


def _matching(method: str, path: str) -> Iterator[Write]:
    for route in ROUTES:
        if route.method == method and (found := route.pattern.fullmatch(path)):
            ids = found.groupdict()
            yield Write(route, *(int(ids[k]) if ids.get(k) else None for k in ("study", "trial")))
