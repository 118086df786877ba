"""One model by the user's builder, before anything is written: does it do what no trial can mend?

A builder may be slow, or fail with these values alone; a trial will tell of that.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import optuna

from search.study_file.sections import StudyFile
from spaces import hyperparameters, user_code
from spaces.failures import UnusableCodeError
from spaces.space import read_space

if TYPE_CHECKING:
    from search.data.loading import Data

LONGEST_S = 20.0


class _TooLongError(Exception):
    pass


def build(file: StudyFile, data: Data, builder: Callable[..., Any]) -> None:
    """Let it build the model that a study tries first.

    Raises:
        UnusableCodeError: it fails whatever the values are.
    """
    family = file.model.family
    space = read_space(dict(file.space), family=family)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=file.study.seed))
    study.enqueue_trial(dict(space.params(hyperparameters.textbook(family))))
    with suppress(_TooLongError), _for_so_long(LONGEST_S):
        try:
            trial = study.ask()
            values = {**hyperparameters.defaults(family), **space.suggest(trial)}
            user_code.build_model(builder, trial, space, values, data.input_shape, data.outputs)
        except (UnusableCodeError, _TooLongError):
            raise
        except Exception:
            return


@contextmanager
def _for_so_long(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer, where the system can."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def interrupt(*_: object) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
