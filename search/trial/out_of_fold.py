"""The out-of-fold predictions: each fold's model predicts the samples it was not trained on."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.loading import Data
from studyhall.search.study_file.losses import AS_GIVEN
from studyhall.search.trial.trainings import TrialTraining

Predictions = NDArray[np.float32]


class OutOfFold:
    """The collected predictions of a trial's parts; empty for a trial without folds.

    Args:
        data: the study's data.
        carried: predictions collected by an earlier worker, from `to_bytes`.
    """

    def __init__(self, data: Data, carried: bytes = b"") -> None:
        self._data = data
        self._parts: list[Predictions] = []
        if carried:
            with np.load(io.BytesIO(carried), allow_pickle=False) as known:
                self._parts = [known[name] for name in known.files]

    @property
    def wanted(self) -> bool:
        """True if the study has folds, and a single target to predict."""
        return len(self._data.folds) > 1 and self._data.task != AS_GIVEN

    def add(self, part: TrialTraining, predictions: Predictions) -> None:
        """Add the predictions of one more part.

        Args:
            part: the part.
            predictions: its model's predictions for the fold's validation set, (n, outputs).
        """
        assert part.number == len(self._parts)
        self._parts.append(predictions)

    def to_bytes(self) -> bytes:
        """Return all predictions so far as bytes, for a checkpoint; empty if there are none."""
        return _packed({f"{n}": part for n, part in enumerate(self._parts)}) if self._parts else b""

    def file(self) -> bytes:
        """Return an `.npz` file with every sample outside of the test set once.

        ``predictions`` (N, outputs): model outputs, averaged over the repeats; ``targets``: coded
        as for training; ``fold`` (N,): from 0; ``sample`` (N,): row in the source, from 0, or -1
        if the source has a validation set of its own.
        """
        data = self._data
        pool, folds = data.split.pool, data.folds
        first = self._parts[0]
        predictions = np.zeros((len(pool), *first.shape[1:]), np.float32)
        fold_of = np.zeros(len(pool), np.int32)
        for number, fold in enumerate(folds):
            predictions[fold.validation_rows] = np.mean(self._parts[number :: len(folds)], axis=0)
            fold_of[fold.validation_rows] = number
        samples = data.pool_samples
        rows = np.full(len(pool), -1, np.int64) if samples is None else samples
        arrays = {"predictions": predictions, "targets": pool.y, "fold": fold_of, "sample": rows}
        return _packed(arrays)


def _packed(arrays: dict[str, NDArray[Any]]) -> bytes:
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]  # an option of its own is a bool
    return packed.getvalue()
