"""The queue of notifications about a study; one of several senders delivers each.

They are stored as facts of the study. A sender reserves a notification for a while by
compare-and-swap on its row, so that no other sends it too. If the sender dies, another sends it
once the reservation has expired, under the same identifier.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any

from studyhall.storage.database import Database
from studyhall.storage.studies.rows import Study

TAKEN_S = 120.0  # how long a reservation lasts: longer than any delivery takes
MOST_TRIES = 14  # pauses double from 2 s on: the last try comes 4.5 hours after the first
_LONGEST_S = TAKEN_S + 2.0**MOST_TRIES
_PREFIX = "notice:"


@dataclass(frozen=True)
class Notice:
    """A notification and the state of its delivery.

    Attributes:
        key: unique in the study, such as "incumbent:17".
        said: the content to deliver.
        at: time of the event, in epoch seconds.
        tries: how many deliveries have been tried.
        next_at: epoch seconds before which no sender tries.
        state: "waiting", "delivered" or "given up".
    """

    key: str
    said: dict[str, Any]
    at: float
    tries: int = 0
    next_at: float = 0.0
    state: str = "waiting"


def add(db: Database, study: Study, key: str, said: dict[str, Any]) -> bool:
    """Add a notification; return False, and change nothing, if there is one with that key."""
    return db.transaction(
        lambda transaction: bool(
            transaction.run(
                """
                INSERT INTO studyhall_facts (study_id, key, value) VALUES (:study_id, :key, :value)
                ON CONFLICT (study_id, key) DO NOTHING""",
                study_id=study.study_id,
                key=_PREFIX + key,
                value=_text(Notice(key, said, transaction.value("SELECT {now}"))),
            )
        )
    )


def take(db: Database, study: Study) -> Notice | None:
    """Reserve a notification that is due, for the caller to deliver; None if none is due."""
    now, waiting = _waiting(db, study)
    for text in waiting:
        notice = Notice(**json.loads(text))
        # Further ahead than any pause is a time from before the clock was set back.
        due = not 0 < notice.next_at - now <= _LONGEST_S
        if notice.state == "waiting" and due:
            taken = replace(notice, next_at=now + TAKEN_S, tries=notice.tries + 1)
            if _swap(db, study, text, taken):
                return taken
    return None


def settle(db: Database, study: Study, notice: Notice, *, delivered: bool) -> None:
    """Record the outcome of a delivery; after a failure the next try waits 2, 4, 8, … seconds."""
    if delivered:
        after = replace(notice, state="delivered")
    elif notice.tries >= MOST_TRIES:
        after = replace(notice, state="given up")
    else:
        later_s = notice.next_at - TAKEN_S + 2.0**notice.tries
        after = replace(notice, next_at=later_s)
    _swap(db, study, _text(notice), after)


def _waiting(db: Database, study: Study) -> tuple[float, list[str]]:
    """Return the database's time and the notifications that wait, as JSON."""
    # LIKE only saves reading most delivered ones; `take` checks the state.
    rows = db.snapshot(
        lambda transaction: transaction.rows(
            """
            SELECT {now}, value FROM studyhall_facts
            WHERE study_id = :study_id AND key LIKE :like AND value LIKE :waiting ORDER BY key""",
            study_id=study.study_id,
            like=f"{_PREFIX}%",
            waiting='%"waiting"%',
        )
    )
    return (float(rows[0][0]) if rows else 0.0), [row[1] for row in rows]


def _swap(db: Database, study: Study, before: str, after: Notice) -> bool:
    """Replace a notification if it is unchanged; return False if another sender was faster."""
    return bool(
        db.transaction(
            lambda transaction: transaction.run(
                """
                UPDATE studyhall_facts SET value = :after
                WHERE study_id = :study_id AND key = :key AND value = :before""",
                study_id=study.study_id,
                key=_PREFIX + after.key,
                before=before,
                after=_text(after),
            )
        )
    )


def _text(notice: Notice) -> str:
    return json.dumps(asdict(notice), sort_keys=True)
