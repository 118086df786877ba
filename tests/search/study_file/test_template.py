"""A new study file can be launched as it stands, and teaches every key."""

import pytest

from studyhall.search.study_file import config, reference, template
from studyhall.search.study_file.sections import StudyFile
from studyhall.spaces import hyperparameters

KEYS = [key for table in StudyFile.model_fields for key in reference.of_table(table)]
FAMILIES = ("mlp", "cnn", "sequence", "text", "keras:ResNet50", "my_model.py:build")
UNSET = {"keras:ResNet50": set(), "text": {"model.weights", "data.windows", "data.split_by"}}


def switched_on(text: str) -> str:
    """The file with every key that stands behind "#" taken from there."""
    lines = text.splitlines()
    return "\n".join(
        line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in lines
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_it_is_a_study_file_without_a_mistake(family: str) -> None:
    read = config.parse(template.template("mine", family=family, source="data.npz"))
    assert (read.study.name, read.model.family, read.data.source) == ("mine", family, "data.npz")
    assert "learning_rate" in read.space


def test_what_is_switched_off_is_the_default() -> None:
    read = config.parse(template.template("mine"))
    plain = config.parse('[study]\nname = "mine"\n[data]\nsource = "sklearn:digits"\n')
    assert read.model_copy(update={"space": {}}) == plain


@pytest.mark.parametrize("family", FAMILIES)
def test_it_stays_without_a_mistake_when_everything_is_switched_on(family: str) -> None:
    read = config.parse(switched_on(template.template("mine", family=family)))
    unset = {
        f"{key.table}.{key.name}"
        for key in KEYS
        if key.name not in getattr(read, key.table).model_fields_set
    }
    assert unset == UNSET.get(family, {"model.weights"})
    assert set(read.space) == set(hyperparameters.known(family))
    assert [trial["name"] for trial in read.trials] == ["textbook"]


def test_every_key_comes_with_its_meaning_and_bounds() -> None:
    files = [template.template("mine", family=each) for each in ("mlp", "keras:ResNet50")]
    text, other = (" ".join(file.replace("\n# ", " ").split()) for file in files)
    for key in KEYS:
        assert key.meaning in (other if key.name == "weights" else text)
    assert (
        "exact number of trials to finish, over all workers and restarts (a whole number ≥ 1)"
        in text
    )
    for each in hyperparameters.known("mlp").values():
        assert " ".join(each.meaning.split()) in text


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("my study (2)", "my-study-2"),
        ('a"b', "a-b"),
        ("Über", "ber"),
        ("..", "study"),
        ("x" * 300, "x" * 100),
    ],
)
def test_any_files_name_makes_a_legal_study_name(stem: str, name: str) -> None:
    assert config.parse(template.template(stem)).study.name == name


def test_it_fits_the_screen() -> None:
    comments = [line for line in template.template("x").splitlines() if line.startswith("# ")]
    assert max(map(len, comments)) <= 100
