"""Hidden studies: what is trained beside a study's search, one for each purpose.

Their trials are leased, saved, taken over and told as all others are. Their identifiers are below
zero, follow from the study's, and are known to our tables alone: Optuna's table of studies has no
row of them, and in its table of trials theirs belong to no study. So no client of Optuna's, no
dashboard, no sampler and no count of the study sees them, whatever it is renamed to.
"""

PURPOSES = CONFIRM, DATACURVE = "confirm", "datacurve"


def identifier(study_id: int, purpose: str) -> int:
    """Of the hidden study that stands beside a study for this purpose."""
    return -2 * study_id - PURPOSES.index(purpose)


def optunas(study_id: int) -> int | None:
    """The study that a trial belongs to in Optuna's table; None of a hidden one."""
    return study_id if study_id > 0 else None


def hidden(study_id: str = ":study_id") -> str:
    """SQL for the identifiers of all that stand beside a study."""
    return f"(-2 * {study_id}, -2 * {study_id} - 1)"


def family(study_id: str = ":study_id") -> str:
    """SQL for those and the study's own."""
    return f"({study_id}, -2 * {study_id}, -2 * {study_id} - 1)"


def head(study_id: str) -> str:
    """SQL for the identifier of the study that a row belongs to, or stands beside."""
    return f"CASE WHEN {study_id} < 0 THEN -{study_id} / 2 ELSE {study_id} END"
