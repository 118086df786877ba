"""Whether probabilities mean what they say: the expected calibration error, and its table.

Source: Guo, Pleiss, Sun and Weinberger, "On calibration of modern neural networks", 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 10  # of equal width, from 0 to 1


def calibration(confidence: NDArray[Any], right: NDArray[Any]) -> dict[str, Any]:
    """How sure a model was, against how often it was right.

    Args:
        confidence: (N,) the probability of what it decided for, 0 to 1.
        right: (N,) whether that was so.

    Returns:
        ``error``, the mean over samples of the difference between confidence and accuracy in
        their bin, and ``bins``, a list of ``above``, ``up_to``, ``samples``, ``confidence`` and
        ``accuracy`` (the bin's means) for each bin that has samples.
    """
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    bins = [_bin(number, confidence, right, place == number) for number in np.unique(place)]
    off = sum(each["samples"] * abs(each["confidence"] - each["accuracy"]) for each in bins)
    return {"error": float(off / max(len(place), 1)), "bins": bins}


def _bin(
    number: int, confidence: NDArray[Any], right: NDArray[Any], inside: NDArray[np.bool_]
) -> dict[str, Any]:
    return {
        "above": int(number) / BINS,
        "up_to": (int(number) + 1) / BINS,
        "samples": int(inside.sum()),
        "confidence": float(confidence[inside].mean()),
        "accuracy": float(right[inside].mean()),
    }
