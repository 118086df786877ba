"""What the models of a trial's folds say of the samples that they were not trained on."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.loading import Data
from studyhall.search.trial.trainings import TrialTraining

Predictions = NDArray[np.float32]


class OutOfFold:
    """Collects the predictions of each part; a trial without folds has none.

    Args:
        data: the study's.
        carried: what an earlier worker had collected, as `to_bytes` gave it.
    """

    def __init__(self, data: Data, carried: bytes = b"") -> None:
        self._data = data
        self._parts: list[Predictions] = []
        if carried:
            with np.load(io.BytesIO(carried), allow_pickle=False) as known:
                self._parts = [known[name] for name in known.files]

    @property
    def wanted(self) -> bool:
        """Whether there are folds."""
        return len(self._data.folds) > 1

    def add(self, part: TrialTraining, predictions: Predictions) -> None:
        """One more part is done.

        Args:
            part: which one.
            predictions: what its model says of its fold's validation samples, (n, outputs).
        """
        assert part.number == len(self._parts)
        self._parts.append(predictions)

    def to_bytes(self) -> bytes:
        """All so far, for a checkpoint."""
        return _packed({f"{n}": part for n, part in enumerate(self._parts)}) if self._parts else b""

    def file(self) -> bytes:
        """An `.npz` file: every sample outside of the test set once.

        ``predictions`` (N, outputs) as the model gives them, the mean over the repeats; ``targets``
        coded as for training; ``fold`` (N,) from 0; ``sample`` (N,) its row in the source, from 0,
        or -1 where the source brings a validation set of its own.
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
