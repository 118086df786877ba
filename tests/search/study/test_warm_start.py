"""A study that begins with what another has found: known to the sampler, and to nobody else."""

import json

import pytest

from studyhall.search.study import creation, inspection, record, warm_start
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies


@pytest.fixture(scope="module")
def old(shared_studio):
    """Six finished trials on iris."""
    study = shared_studio.study(
        study={"name": "old", "trials": 6}, space={"width": {"low": 4, "high": 16}}
    )
    shared_studio.finish(study)
    return shared_studio, study


def begun(studio, name, **changes):
    search = {"warm_start": "old", "pruner": "none"}
    study = {"name": name, "trials": 3}
    return studio.study(study=study, search={**search, **changes.pop("search", {})}, **changes)


def test_the_sampler_knows_the_other_studys_trials(old):
    studio, study = old
    new = begun(studio, "new", space={"width": {"low": 2, "high": 32}})
    claim = studio.worker(new).context.store.claim()
    seen = claim.trial.study.get_trials(deepcopy=False)
    before = [t for t in records.trials(studio.db, study) if t.state == "COMPLETE"]
    shown = sorted(t.value for t in seen if t.number < 0)
    assert shown == sorted(t.value for t in before) and len(shown) == 6
    assert {t.distributions["width"].high for t in seen if t.number < 0} == {32}


def test_the_best_of_them_runs_first_and_none_of_them_counts(old):
    studio, study = old
    new = begun(studio, "counted", space={"width": {"low": 2, "high": 32}})
    studio.finish(new)
    trials, best = records.trials(studio.db, new), status.status(studio.db, study).incumbent
    assert [trial.number for trial in trials] == [0, 1, 2]
    assert trials[0].params == best.params
    assert status.status(studio.db, new).incumbent.number in (0, 1, 2)


def test_a_trial_that_does_not_fit_is_left_out(old):
    studio, study = old
    wide = [t for t in records.trials(studio.db, study) if t.params["width"] >= 10]
    new = begun(studio, "narrow", space={"width": {"low": 10, "high": 16}})
    assert len(new.config["warm_start"]["trials"]) == len(wide)
    other = begun(studio, "other", space={"width": {"low": 4, "high": 16}, "dropout": 0.5})
    assert other.config["warm_start"]["trials"] == []


def test_its_knowledge_outlives_the_other_study(studio):
    first = studio.study(study={"name": "old", "trials": 1})
    studio.finish(first)
    new = begun(studio, "heir")
    studies.delete(studio.db, first)
    claim = studio.worker(new).context.store.claim()
    assert [t.number for t in claim.trial.study.get_trials() if t.number < 0] == [-1]
    json.dumps(new.config)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"search": {"warm_start": "gone"}}, 'received "gone", expected one of old'),
        ({"data": {"source": "sklearn:wine"}}, "expected a study with the same data"),
    ],
)
def test_a_study_that_teaches_nothing_is_refused(old, changes, expected):
    studio, _ = old
    tables = {"study": {"name": "wrong"}, "search": {"warm_start": "old"}, **changes}
    path = studio.write(**tables)
    file = config.load(path)
    with pytest.raises(ConfigError, match=r"\[search\] warm_start: ") as refused:
        creation.create(studio.db, file, path.parent, inspection.inspect(file, path))
    assert expected in str(refused.value)
    assert studies.find(studio.db, "wrong") is None


def test_without_it_nothing_is_known(old):
    assert old[1].config["warm_start"] == {}
    file = config.from_dict(old[1].config["file"])
    assert warm_start.known(old[0].db, file, record.stored(old[1]).inspection) == {}
