"""The seed, the samples and the suggestions of a trial's parts."""

from studyhall.search.trial.part_models import PartModels
from studyhall.search.trial.sampling import noting
from studyhall.search.trial.seeds import trial_seed
from studyhall.search.trial.trainings import of_trial


def models(studio, **sections):
    """Return the builder of the models of a study's first trial."""
    context = studio.worker(studio.study(**sections)).context
    claim = context.store.claim()
    return PartModels(context, claim, lambda fold, form: None)


def test_each_fold_and_each_repeat_has_a_seed_of_its_own(studio):
    one = models(studio, study={"seed": 3}, data={"folds": 2}, training={"repeats": 2})
    seeds = [one.seed(part) for part in of_trial(2, 2)]
    first, again = trial_seed(3, 0), trial_seed(3, 0, repeat=1)
    assert seeds == [first, first + 1, again, again + 1]


def test_the_samples_are_those_of_the_fold(studio):
    one = models(studio, data={"folds": 2})
    folds = one.context.plan.data.folds
    assert [one.samples(part) for part in of_trial(2, 1)] == [len(f.train_rows) for f in folds]


def test_a_part_is_built_alike_each_time(studio):
    one = models(studio)
    (part,) = of_trial(1, 1)
    first, second = one.build(part), one.build(part)
    assert first.values == second.values
    assert first.size == {
        "parameters": first.model.count_params(), "batch_size": first.batch_size
    }  # fmt: skip
    for weights, same in zip(first.model.get_weights(), second.model.get_weights(), strict=True):
        assert (weights == same).all()


def test_suggestions_are_recorded_at_once_after_a_worker_has_died(studio, monkeypatch):
    one = models(studio)
    assert one.trial() is one.claim.trial
    monkeypatch.setattr(type(one.claim), "attempt", 2)
    recorded = []
    monkeypatch.setattr(one.context.store, "write_params", recorded.append)
    assert type(one.trial()) is type(noting(one.claim.trial, lambda: None))
    one.trial().suggest_float("x", 0, 1)
    assert recorded == [one.claim]
