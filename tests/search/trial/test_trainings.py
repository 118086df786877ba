"""The progress of a trial through its parts, and its form in a checkpoint."""

import numpy as np
import pytest

from studyhall.search.training.epoch import Epoch
from studyhall.search.trial import trainings
from studyhall.search.trial.trainings import TrialProgress


def progress(*values):
    found = TrialProgress()
    for number, value in enumerate(values, start=1):
        found = found.with_part(Epoch(number, value, {}, 0.0))
    return found


def test_the_value_is_the_mean_with_its_standard_error():
    found = progress(0.5, 0.25, 0.75)
    assert (found.done, found.value) == (3, 0.5)
    assert found.standard_error == pytest.approx(0.25 / np.sqrt(3))
    assert found.best_epochs == (1, 2, 3)


def test_a_single_fold_has_no_standard_error():
    assert (progress(0.5).value, progress(0.5).standard_error) == (0.5, None)


def test_what_is_reported_counts_the_folds_that_are_done():
    assert progress().running(0.3) == 0.3
    assert progress(0.5, 0.25).running(0.75) == 0.5


@pytest.mark.parametrize("blob", [b"", b"weights", b"\n{}\n \x00"])
def test_a_checkpoint_gives_back_what_went_in(blob):
    for found in (progress(), progress(0.1, 1 / 3)):
        for carried in (b"", b"predictions\n"):
            written = trainings.write(found, blob, carried)
            assert trainings.read(written) == (found, blob, carried)


def test_without_a_checkpoint_a_trial_begins():
    assert trainings.read(None) == (TrialProgress(), None, b"")


def test_damage_to_what_is_carried_is_found():
    whole = trainings.write(progress(0.1), b"weights", b"predictions")
    with pytest.raises(ValueError, match="its predictions are damaged"):
        trainings.read(whole.replace(b"\npred", b"\nPred"))


def test_any_damage_to_the_first_line_is_found():
    whole = trainings.write(progress(0.1), b"weights")
    end = whole.index(b"\n")
    for position in range(end):
        broken = bytearray(whole)
        broken[position] ^= 1
        with pytest.raises(ValueError, match="damaged"):
            trainings.read(bytes(broken))
