import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studyhall.search.study import proposal
from studyhall.search.study.proposal import Budget
from studyhall.search.study_file import config
from studyhall.spaces.space import read_space

RNG = np.random.default_rng(0)
BUDGET = Budget(minutes=4.0)


def proposed(folder, budget=BUDGET, **data):
    """The study file for these data, checked as a file that somebody wrote."""
    path = folder / "mine.toml"
    made = proposal.of_data(proposal.bare("mine", data, budget, path.name), path, budget)
    assert proposal.from_json(made.to_json()) == made
    return config.parse(made.text, path.name), made


def arrays(folder, shape, y):
    np.savez(folder / "data.npz", x=RNG.normal(size=(len(y), *shape)), y=y)
    return {"source": "data.npz"}


@pytest.mark.parametrize(
    ("shape", "family"),
    [((5,), "mlp"), ((12, 3), "sequence"), ((8, 9, 1), "cnn"), ((4, 64, 3), "mlp")],
)
def test_the_family_is_that_of_the_samples_shape(tmp_path, shape, family):
    file, _ = proposed(tmp_path, **arrays(tmp_path, shape, RNG.integers(0, 2, 40)))
    assert file.model.family == family
    assert read_space(dict(file.space), family=family).largest()


@pytest.mark.parametrize("samples", [300, 3_000, 60_000])
def test_batches_grow_with_the_data(tmp_path, samples):
    file, _ = proposed(tmp_path, **arrays(tmp_path, (2,), RNG.integers(0, 2, samples)))
    first = {300: 16, 3_000: 32, 60_000: 128}[samples]
    assert file.space["batch_size"][0] == first
    assert file.training.epochs == (30 if samples == 60_000 else 100)


@pytest.mark.parametrize(("rare", "objective"), [(10, "f1_macro"), (80, "validation loss")])
def test_a_rare_class_is_not_left_to_the_loss(tmp_path, rare, objective):
    y = np.repeat([0, 1], [200 - rare, rare])
    file, _ = proposed(tmp_path, **arrays(tmp_path, (3,), y))
    assert file.study.objective == objective
    assert ("class_weights" in file.space) == (rare == 10)


def test_ten_classes_of_one_size_are_not_rare(tmp_path):
    file, _ = proposed(tmp_path, **arrays(tmp_path, (3,), np.arange(200) % 10))
    assert file.study.objective == "validation loss"


def test_numbers_are_learned_as_numbers(tmp_path):
    file, made = proposed(tmp_path, **arrays(tmp_path, (3,), RNG.normal(size=60)))
    assert file.study.objective == "validation loss" and dict(made.about)["task"] == "regression"


FRAME = pd.DataFrame(
    {
        "age, years": RNG.integers(18, 80, 90),
        "city": RNG.choice(["Bern", "Rome"], 90),
        "joined": pd.date_range("2024-01-01", periods=90).astype(str),
        "churn": RNG.choice(["no", "yes"], 90),
    }
)


def test_the_kinds_of_columns_can_be_switched_on(tmp_path):
    FRAME.to_csv(tmp_path / "table.csv", index=False)
    file, made = proposed(tmp_path, source="table.csv", target="churn")
    assert file.data.columns == {}
    lines = made.text.splitlines()
    first = lines.index("#[data.columns]")
    lines[first : first + 4] = [line.removeprefix("#") for line in lines[first : first + 4]]
    switched = config.parse("\n".join(lines), "mine.toml")
    assert switched.data.columns == {"age, years": "number", "city": "category", "joined": "date"}


def test_what_the_user_says_of_the_data_is_written(tmp_path):
    FRAME.to_csv(tmp_path / "table.csv", index=False)
    wanted = {"city": "drop", "joined": "date:%Y-%m-%d"}
    told = {"source": "table.csv", "target": "churn", "columns": wanted, "split_by": "joined"}
    file, _ = proposed(tmp_path, **told)
    assert file.data.columns == wanted and file.data.split_by == "joined"


@given(
    minutes=st.floats(0.01, 10_000),
    trials=st.none() | st.integers(1, 10_000),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_budget_makes_a_study_file(tmp_path_factory, minutes, trials, seed):
    folder = tmp_path_factory.getbasetemp()
    budget = Budget(minutes, trials, seed)
    file, _ = proposed(folder, budget, source="sklearn:iris")
    assert file.study.trials == (trials or max(20, round(10 * minutes)))
    assert file.study.seed == seed
    assert file.study.hours * 60 == pytest.approx(minutes, abs=1e-4)
    assert 0 < file.training.trial_minutes <= minutes


def test_the_same_data_are_given_the_same_file(tmp_path):
    assert len({proposed(tmp_path, source="sklearn:wine")[1].text for _ in range(2)}) == 1


@pytest.mark.parametrize(
    ("trials", "minutes", "said"),
    [(1, 1.0, "1 trial or 1 minute"), (6, 1.5, "6 trials or 1.5 minutes")],
)
def test_one_of_a_kind_is_no_plural(trials, minutes, said):
    file = proposal.bare("mine", {"source": "t.csv"}, Budget(minutes, trials), "mine.toml")
    assert proposal.sentence(file).endswith(f", at most {said}")
