"""All trials of a study as a table."""

import dataclasses

import pandas as pd

from studyhall.search.api import results
from studyhall.storage.queries.records import TrialRecord

EMPTY = {field.name: None for field in dataclasses.fields(TrialRecord)}


def trial(number, **known):
    return TrialRecord(**{**EMPTY, "number": number, "params": {}, "attributes": {}, **known})


def test_a_row_per_trial_and_a_column_per_hyperparameter():
    found = results.frame(
        [
            trial(0, state="COMPLETE", value=0.5, best_epoch=3, params={"depth": 1, "value": 2}),
            trial(1, state="RUNNING", params={"depth": 2, "units": 8}),
        ]
    )
    assert [*found] == [*results.COLUMNS, "depth", "params_value", "units"]
    assert found["best_epoch"][0] == 3 and found["best_epoch"].isna()[1]
    assert [*found["depth"]] == [1, 2] and pd.isna(found["units"][0])


def test_seconds_are_those_of_all_activities():
    spent = {"seconds": {"train": 2.0, "checkpoint": 0.5}}
    assert results.frame([trial(0, attributes=spent)])["seconds"][0] == 2.5


def test_without_trials_there_are_the_columns():
    found = results.frame([])
    assert [*found] == [*results.COLUMNS] and len(found) == 0
