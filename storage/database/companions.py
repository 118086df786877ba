"""The hidden studies: one per study and purpose, for the trainings outside the search.

Their trials are leased, saved, taken over and recorded like all others. Their identifiers are
negative and computed from the study's; only our tables hold them. Optuna's table of studies has no
row for a hidden study, and in its table of trials the study of a hidden trial is null. So Optuna's
clients, dashboards, samplers and the study's counts don't see them. Renaming the study changes
nothing.
"""

PURPOSES = CONFIRM, DATACURVE = "confirm", "datacurve"


def identifier(study_id: int, purpose: str) -> int:
    """Return the identifier of a study's hidden study for this purpose."""
    return -2 * study_id - PURPOSES.index(purpose)


def optunas(study_id: int) -> int | None:
    """Return the identifier that Optuna's table of trials holds; None for a hidden study."""
    return study_id if study_id > 0 else None


def hidden(study_id: str = ":study_id") -> str:
    """Return SQL for the identifiers of all hidden studies of a study."""
    return f"(-2 * {study_id}, -2 * {study_id} - 1)"


def family(study_id: str = ":study_id") -> str:
    """Return SQL for the identifiers of a study and all its hidden studies."""
    return f"({study_id}, -2 * {study_id}, -2 * {study_id} - 1)"


def head(study_id: str) -> str:
    """Return SQL for the ordinary study of an identifier: itself, or the one of a hidden study."""
    return f"CASE WHEN {study_id} < 0 THEN -{study_id} / 2 ELSE {study_id} END"
