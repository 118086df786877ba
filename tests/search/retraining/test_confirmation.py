"""The best trials trained anew: ranked by their means, resumed after a kill, the winner proven."""

import dataclasses
import json
import math

import pytest
import typer

from studyhall.search.cli import retraining as commands
from studyhall.search.cli import status
from studyhall.search.display import live
from studyhall.search.display.terminal import out
from studyhall.search.evaluation import best, comparison, proof, winner
from studyhall.search.process import identity
from studyhall.search.process.device import Device
from studyhall.search.process.stop import STOPPED, Stop
from studyhall.search.report import retrainings as evaluation
from studyhall.search.retraining import confirm, confirm_result, launch
from studyhall.search.retraining import hidden_trials as working
from studyhall.search.retraining.confirm_result import Confirmation
from studyhall.search.retraining.confirmed_trial import Confirmed
from studyhall.search.study import record
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial import seeds
from studyhall.storage.database.companions import CONFIRM
from studyhall.storage.queries import records
from studyhall.storage.queries.records import TrialRecord
from studyhall.storage.studies import retrainings, scorings, studies
from studyhall.storage.studies.retrainings import Retraining
from studyhall.storage.trials import control

pytestmark = pytest.mark.part(10)


def trial(number, value):
    empty = {field.name: None for field in dataclasses.fields(TrialRecord)}
    known = {"number": number, "value": value, "state": "COMPLETE"}
    return TrialRecord(**{**empty, **known, "attributes": {}})


def confirmed(number, values, searched=0.1):
    runs = [
        Retraining(CONFIRM, number, n, 100, n, result={"value": v} if isinstance(v, float) else v)
        for n, v in enumerate(values)
    ]
    return Confirmed(trial(number, searched), tuple(runs))


def of(*found):
    return Confirmation(len(found), 3, found, ())


# Means and intervals


def test_the_interval_is_students():
    low, high = confirmed(7, [4.0, 5.0, 6.0]).interval
    half = 4.302653 / math.sqrt(3)  # the table's t for two degrees of freedom, a deviation of 1
    assert (low, high) == (pytest.approx(5 - half, 1e-6), pytest.approx(5 + half, 1e-6))
    assert confirmed(7, [1.0]).interval is None and confirmed(7, [1.0]).mean == 1.0


@pytest.mark.parametrize(
    ("objective", "values", "ends"),
    [
        ("validation loss", [0.01, 0.02, 0.3], (True, False)),
        ("validation loss", [-0.01, 0.02, 0.3], (False, False)),  # a loss of the user's own
        ("accuracy", [0.7, 0.99, 0.99], (False, True)),
        ("accuracy", [0.1, 0.9], (True, True)),
        ("r2_score", [0.1, 0.9], (False, True)),
        ("hits", [0.1, 0.9], (False, False)),
    ],
)
def test_an_interval_ends_where_the_objective_does(objective, values, ends):
    found = dataclasses.replace(confirmed(7, values), objective=objective)
    low, high = found.interval
    assert (low == 0.0, high == 1.0) == ends
    assert (found.to_json()["low"], found.to_json()["high"]) == (low, high)
    drawn = evaluation.intervals({"trials": [found.to_json()]}, objective).data[1].error_x
    ends_at = found.mean - drawn.arrayminus[0], found.mean + drawn.array[0]
    assert ends_at == pytest.approx((low, high))


def test_a_trial_that_failed_once_is_no_winner():
    found = confirmed(7, [0.1, {"reason": "out of memory"}])
    assert found.mean is None and found.reasons == ["out of memory"] and found.done


def test_what_can_be_told_apart_is_told():
    whole = of(confirmed(1, [0.10, 0.11, 0.12]), confirmed(2, [0.105, 0.115, 0.13]),
               confirmed(3, [0.9, 0.91, 0.92]))  # fmt: skip
    assert whole.winner.trial.number == 1 and whole.equals == [2]
    said = " ".join(whole.sentences())
    assert "trial 1 is the best of 3: mean 0.11, with 95 % between" in said
    assert "Its lead over trial 2 may be due to chance." in said


def test_what_is_under_way_has_no_winner():
    whole = of(confirmed(1, [0.1, None]), confirmed(2, [0.2, 0.2]))
    assert whole.left == 1 and not whole.current and whole.to_json()["winner"] is None
    assert [*whole.sentences()] == ["The confirmation is running: 1 training left."]


def test_seeds_are_a_function_of_study_trial_and_repeat():
    found = [seeds.retraining_seed(s, t, r) for s in (0, 1) for t in (0, 1) for r in (0, 1, 2)]
    assert len({*found}) == 12 and found == [
        seeds.retraining_seed(s, t, r) for s in (0, 1) for t in (0, 1) for r in (0, 1, 2)
    ]


# Training


@pytest.fixture
def study(studio):
    made = studio.study(study={"trials": 4})
    studio.finish(made)
    return made


def train(studio, study, top=2, count=2):
    """Confirm in this process."""
    confirm_result.plan(studio.db, study, top, count)
    working.work(studio.db, study, CONFIRM, Stop())
    return confirm_result.read(studio.db, study)


def test_the_best_are_trained_anew_with_other_seeds(studio, study):
    found = train(studio, study)
    trials = sorted(records.trials(studio.db, study), key=lambda trial: trial.value)
    assert {each.trial.number for each in found.ranked} == {t.number for t in trials[:2]}
    assert found.current and found.gpu_seconds > 0
    for each in found.ranked:
        assert len(set(each.values)) == 2 and each.trial.value not in each.values
    assert found.ranked[0].mean <= found.ranked[1].mean
    assert len(records.trials(studio.db, study)) == 4  # none of it is a trial of the search
    again = train(studio, study)
    assert again == found  # nothing was left to do


def test_a_seed_gives_the_same_value_again(studio, study):
    found = train(studio, study, top=1, count=1)
    (run,) = found.ranked[0].runs
    retrainings.reopen(studio.db, study, run)
    assert train(studio, study, top=1, count=1).ranked[0].values == found.ranked[0].values


def test_the_winners_own_model_is_proven_and_scored(studio, study):
    found = train(studio, study)
    confirm._drop_beaten(studio.db, study, found)
    card = proof.finish(studio.db, study)
    run = confirm_result.read(studio.db, study).winner.model
    assert card["trial"] == found.winner.trial.number and card["model_seed"] == run.seed
    (side,) = comparison.sides(studio.db, [study.name])
    assert side.trial.number == card["trial"]
    assert card["proof"]["recorded"] == run.result["value"] == min(found.winner.values)
    assert card["proof"]["difference"] < 1e-6
    assert card["confirmation"]["trials"][0]["mean"] == found.winner.mean
    shown = best.to_json(best.read(studio.db, study))
    assert shown["missing"] == [] and shown["confirmation"]["winner"] == card["trial"]
    left = [o.name for o in record.objects(study).objects() if o.kind == "model"]
    assert run.result["model"] in left


def test_stop_hands_back_what_is_in_hand(studio, study):
    confirm_result.plan(studio.db, study, 2, 2)
    control.set_stop(studio.db, study, True)
    stop = Stop()
    working.work(studio.db, study, CONFIRM, stop)
    assert stop.code == STOPPED
    assert {row.worker for row in retrainings.read(studio.db, study, CONFIRM)} == {None}


def test_processes_of_their_own_confirm(studio, study):
    url = studio.db.url.render_as_string(hide_password=False)
    arguments = studio.db, study, [Device()], live.Quiet(out), url, 1, 2
    assert confirm.confirm(*arguments) == 0
    found = confirm.known(studio.db, study)
    assert found.current and found.winner.model is not None
    models = [
        o for o in record.objects(study).objects() if o.name == found.winner.model.result["model"]
    ]
    assert len(models) == 1


def test_a_complete_confirmation_stands_until_a_larger_one_is(studio, study):
    train(studio, study, 2, 2)
    done = proof.finish(studio.db, study)
    confirm_result.plan(studio.db, study, 3, 3)  # and interrupted
    began = confirm_result.read(studio.db, study)
    assert not began.current and began.left == 5
    assert "Until it is complete, the previous confirmation counts." in [*began.sentences()]
    found = best.read(studio.db, study)
    assert found.finished and found.test == done["test"] and found.trial.number == done["trial"]
    told = best.to_json(found)["confirmation"]
    assert (told["top"], told["seeds"], told["winner"]) == (2, 2, done["trial"])
    assert told["current"] and told["summary"][-1].endswith("is running: 5 trainings left.")
    confirm_result.plan(studio.db, study, 3, 3)  # again, and interrupted again
    assert best.read(studio.db, study).finished
    working.work(studio.db, study, CONFIRM, Stop())
    larger = winner.read(studio.db, study).confirmation
    assert (larger.top, larger.seeds, larger.later) == (3, 3, 0) and larger.current


def test_a_confirmation_of_less_changes_nothing(studio, study):
    larger = train(studio, study, 2, 2)
    assert train(studio, study, 1, 1) == larger


def test_without_a_complete_trial_there_is_nothing_to_confirm(studio):
    with pytest.raises(ConfigError, match="received no complete trial yet"):
        confirm.confirm(studio.db, studio.study(), [], live.Quiet(out), "", 2, 2)


def test_an_empty_study_is_told_so_at_once(studio, capsys):
    study = studio.study()
    url = studio.db.url.render_as_string(hide_password=False)
    with pytest.raises(ConfigError, match="received no complete trial yet"):
        commands.confirm(study.name, url)
    assert capsys.readouterr().err == "" and confirm_result.read(studio.db, study) is None


@pytest.mark.parametrize(
    ("top", "count", "line"),
    [
        (5, 2, "confirming the best 4 trials with 2 new seeds each …"),
        (2, 1, "confirming the best 2 trials with 1 new seed each …"),
        (1, 3, "confirming the best trial with 3 new seeds each …"),
    ],
)
def test_it_says_how_many_there_are(studio, study, top, count, line):
    assert confirm.announced(studio.db, study, top, count) == line


def test_an_interrupted_one_goes_on_as_it_was_asked_for(studio, study, monkeypatch, capsys):
    """The crew's processes are stopped by Ctrl-C: here, before they begin."""
    monkeypatch.setattr(launch, "run", lambda *_: 130)
    url = studio.db.url.render_as_string(hide_password=False)

    def interrupted(**options):
        with pytest.raises(typer.Exit) as left:
            commands.confirm(study.name, url, **options)
        assert left.value.exit_code == 130
        return capsys.readouterr().out

    said = interrupted(top=2, seeds=4, workers="1", again=True)
    hint = f"studyhall confirm iris --top 2 --seeds 4 --workers 1 --again --storage {url}"
    assert said.splitlines()[-1] == f"to continue: {hint}"
    said = interrupted()
    assert said.splitlines()[-1] == f"to continue: studyhall confirm iris --storage {url}"
    found = confirm_result.read(studio.db, study)
    assert (found.top, found.seeds, found.left) == (2, 4, 8)
    interrupted(seeds=5)
    assert confirm_result.read(studio.db, study).left == 10


def test_the_status_shows_it(studio, study, capsys):
    train(studio, study, top=1, count=2)
    url = studio.db.url.render_as_string(hide_password=False)
    status.status(study.name, url)
    assert "Confirmed with 2 new seeds each, trial " in capsys.readouterr().out
    status.status(study.name, url, as_json=True)
    assert json.loads(capsys.readouterr().out)["confirmation"]["seeds"] == 2


# The test set


def test_the_test_set_waits_for_the_confirmation(studio):
    study = studio.study(study={"trials": 2, "confirm_top": 1, "confirm_seeds": 1})
    studio.finish(study)
    assert proof.finish(studio.db, study)["test"] is None
    found = best.read(studio.db, study)
    assert found.finished and "it is reserved for the winner" in trusted(found)
    train(studio, study, 1, 1)
    assert proof.finish(studio.db, study)["test"]["times"] == 1


def trusted(found):
    return " ".join(best.to_json(found)["outcome"]["trust"])


def test_the_first_confirmed_winner_is_tested_too_and_that_is_said(studio, study):
    """Whoever confirms after the launch gets scores of the model that they export."""
    first = proof.finish(studio.db, study)
    train(studio, study, 2, 1)
    second = proof.finish(studio.db, study)
    assert second["model_sha256"] != first["model_sha256"] and second["test"]["times"] == 2
    assert "was used 2 times, also for another training of trial" in trusted(
        best.read(studio.db, study)
    )


def test_only_the_first_confirmed_winner_is_tested_without_being_asked():
    of_search, of_another = (
        scorings.Scoring(number, 0, sha256, "ann@host", 0.0, {}, [])
        for number, sha256 in enumerate("ab", 1)
    )
    searched = trial(1, 0.1)
    retrained = dataclasses.replace(searched, attributes={"model_confirmed": True})
    found = winner.Winner(retrained, None, True, (of_search,), searched_sha256=frozenset(["a"]))
    assert found.opens_again
    assert not dataclasses.replace(found, final=False).opens_again
    assert not dataclasses.replace(found, scorings=(of_search, of_another)).opens_again
    assert not dataclasses.replace(found, trial=searched).opens_again


def test_another_model_stays_untested_unless_somebody_says_so(studio, study):
    scorings.begin(studio.db, study, 0, "f" * 64, "ann@host")
    assert proof.finish(studio.db, study)["test"] is None
    said = trusted(best.read(studio.db, study))
    assert "of trial 0, on " in said and "best iris --again" in said
    again = proof.finish(studio.db, study, again=True)
    assert again["test"]["times"] == 2 and again["test"]["who"] == identity.who()
    told = best.to_json(best.read(studio.db, study))
    assert [use["number"] for use in told["test_uses"]] == [1, 2]
    assert json.loads(json.dumps(told))["test"]["scores"] == again["test"]["scores"]


def test_more_trials_after_the_test(studio, study):
    """An extended study keeps its result with the model that was scored."""
    proof.finish(studio.db, study)
    studies.extend(studio.db, study, trials=1)
    found = winner.read(studio.db, study)
    assert not found.final and found.scoring is not None
    studio.finish(study)
    assert proof.finish(studio.db, study)["test"] is not None or (
        winner.read(studio.db, study).scoring is None
    )
    assert len(scorings.read(studio.db, study)) == 1
