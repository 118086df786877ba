"""The next search space, proposed by results: inside, at an edge, legal, and as a file."""

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from studyhall.search.diagnosis import next_space, refinement, tendencies
from studyhall.search.diagnosis.tendencies import OfHyperparameter
from studyhall.search.diagnosis.verdict import Verdict
from studyhall.search.study.fingerprints import Inspection
from studyhall.search.study.record import Stored
from studyhall.search.study_file import config
from studyhall.spaces.space import read_space


def proposed(written: Any, good: list[Any], name: str = "dropout", ended: int = 50) -> Any:
    (entry,) = [e for e in read_space({name: written}, family="mlp").entries if e.name == name]
    counts = {value: good.count(value) for value in good}
    found = OfHyperparameter(entry, 0.5, counts, ())
    tried = {name: dict.fromkeys(entry.choices, 20)}
    (answer,) = next_space.propose({name: written}, [found], tried, ended)
    read_space({name: answer.written}, family="mlp")
    return answer


@pytest.mark.parametrize(
    ("name", "written", "good", "expected"),
    [
        ("dropout", {"low": 0.0, "high": 0.6}, [0.25, 0.3, 0.35], {"low": 0.16, "high": 0.44}),
        ("dropout", {"low": 0.2, "high": 0.6}, [0.6, 0.59, 0.58], {"low": 0.52, "high": 0.7}),
        ("dropout", {"low": 0.0, "high": 0.9}, [0.89, 0.9], {"low": 0.755, "high": 0.99}),
        ("depth", {"low": 1, "high": 4}, [1, 1, 1], {"low": 1, "high": 2}),
        (
            "learning_rate",
            {"low": 1e-4, "high": 1e-1, "log": True},
            [0.1, 0.09],
            {"low": 0.0319, "high": 0.562, "log": True},
        ),
        ("width", {"low": 16, "high": 64, "step": 8}, [64], {"low": 56, "high": 80, "step": 8}),
        ("width", [16, 32, 64], [64, 64, 32], [32, 64, 128]),
        ("optimizer", ["adam", "sgd"], ["adam", "adam"], "adam"),
        ("batch_size", [32, "all"], ["all", 32], [32, "all"]),
    ],
)  # fmt: skip
def test_a_range_follows_the_best(name: str, written: Any, good: list[Any], expected: Any) -> None:
    answer = proposed(written, good, name)
    assert answer.written == expected
    assert bool(answer.why) is (expected != written)


def test_few_trials_narrow_nothing() -> None:
    written = {"low": 0.0, "high": 0.6}
    assert proposed(written, [0.25, 0.3], ended=10).written == written


def test_a_space_that_stays_as_it_is_says_why() -> None:
    same, other = next_space.Proposal("a", 1), next_space.Proposal("b", 2, "narrowed")
    assert next_space.unchanged([same, other], 9, "resume it") == ""
    why = next_space.unchanged([same], 9, "resume it")
    assert "9 trials with a result, and 20 are needed" in why and why.endswith("resume it")
    assert "1 trial with" in next_space.unchanged([same], 1, "resume it")
    assert "all over it" in next_space.unchanged([same], next_space.LEAST, "resume it")


def test_conditions_on_what_is_left_out_go_with_it() -> None:
    space = {
        "optimizer": ["adam", "nesterov", "sgd"],
        "momentum": {"low": 0.5, "high": 0.9, "when": {"optimizer": ["nesterov", "sgd"]}},
        "beta_1": {"low": 0.8, "high": 0.9, "when": {"optimizer": "adam"}},
    }
    entries = {e.name: e for e in read_space(space, family="mlp").entries}
    found = [OfHyperparameter(entries["optimizer"], None, {"nesterov": 5}, ())]
    tried = {"optimizer": dict.fromkeys(("adam", "nesterov", "sgd"), 9)}
    left = {each.name: each.written for each in next_space.propose(space, found, tried, 50)}
    assert left == {
        "optimizer": "nesterov",
        "momentum": {"low": 0.5, "high": 0.9, "when": {"optimizer": ["nesterov"]}},
    }


SPACE = {
    "dropout": {"low": 0.0, "high": 0.6},
    "optimizer": ["adam", "sgd"],
    "l2": {"low": 1e-6, "high": 1e-2, "log": True},
}


@pytest.fixture(scope="module")
def searched() -> optuna.Study:
    """80 random trials whose value depends on dropout alone, best at 0.4."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    space = read_space(SPACE, family="mlp")
    study.optimize(lambda trial: abs(space.suggest(trial)["dropout"] - 0.4), n_trials=80)
    return study


def judged(name: str) -> Verdict:
    return Verdict(name, 1.0, "", None, None, ())


@pytest.fixture(scope="module")
def found(searched: optuna.Study) -> list[OfHyperparameter]:
    """All with little dropout overfit, and every tenth of the others."""
    verdicts: dict[int, Verdict | None] = {
        t.number: judged("overfitting (gap)" if t.params["dropout"] < 0.2 or t.number % 10 == 0
                         else "good fit")
        for t in searched.trials
    }  # fmt: skip
    return tendencies.of_study(read_space(SPACE, family="mlp"), searched, verdicts)


def test_importance_and_good_ranges(found: list[OfHyperparameter]) -> None:
    assert found[0].entry.name == "dropout"
    assert found[0].importance is not None and found[0].importance > 0.7
    assert 0.35 < min(found[0].good) < 0.4 < max(found[0].good) < 0.45
    assert sum(found[0].good.values()) == 8  # a tenth


def test_a_tendency_is_told_and_chance_is_not(found: list[OfHyperparameter]) -> None:
    (tendency,) = found[0].tendencies
    assert tendency.fault == "overfitting" and tendency.where.startswith("dropout < 0.")
    assert tendency.share > 0.9 > 0.5 > tendency.elsewhere
    assert "% of" in tendency.sentence() and "elsewhere" in tendency.sentence()
    assert [each.tendencies for each in found[1:]] == [(), ()]


def test_chance_alone_gives_hardly_a_tendency(searched: optuna.Study) -> None:
    told = 0
    for seed in range(20):
        random = np.random.default_rng(seed)
        names = random.choice(["overfitting (gap)", "good fit"], len(searched.trials))
        verdicts = {t.number: judged(str(n)) for t, n in zip(searched.trials, names, strict=True)}
        space = read_space(SPACE, family="mlp")
        told += sum(len(h.tendencies) for h in tendencies.of_study(space, searched, verdicts))
    assert told <= 6  # 60 hyperparameters, each with one chance in twenty


def test_the_next_study_file_is_whole(found: list[OfHyperparameter], tmp_path: Path) -> None:
    (tmp_path / "data.npz").touch()
    old = config.from_dict(
        {
            "study": {"name": "wine-2", "trials": 80, "human_error": 0.01},
            "data": {"source": "data.npz", "split": [0.5, 0.25, 0.25]},
            "space": SPACE,
        }
    )
    stored = Stored(old, tmp_path, tmp_path, Inspection("", {}))
    (tmp_path / "next").mkdir()
    name = refinement.next_name(old.study.name, ["wine-2", "wine-3"])
    text, _ = refinement.study_file(
        stored, name, found, {}, 80, "sqlite:///a.db", "resume it", tmp_path / "next"
    )
    new = config.parse(text)
    assert new.study.storage == "sqlite:///a.db"
    assert (new.study.name, new.search.warm_start) == ("wine-4", "wine-2")
    assert new.data.source == "../data.npz" and new.data.split == old.data.split
    assert (new.study.trials, new.study.human_error) == (80, 0.01)
    assert new.space["optimizer"] == SPACE["optimizer"]
    assert 0 < new.space["dropout"]["low"] < 0.4 < new.space["dropout"]["high"] < 0.6
    assert "# importance" in text and "elsewhere" in text
