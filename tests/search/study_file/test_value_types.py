"""Values of the study file that their own type accepts or refuses."""

from typing import Any

import pydantic
import pytest

from studyhall.search.study_file import own_code_types, value_types

ACCEPTED = [
    ("DatabaseUrl", "sqlite:///study.db"),
    ("DatabaseUrl", "postgresql://ann@host/db"),
    ("ArtifactPlace", "models"),
    ("ArtifactPlace", "s3://bucket/prefix"),
    ("Split", (0.6, 0.2, 0.2)),
    ("Family", "cnn"),
    ("Family", "my_model.py:build"),
    ("Objective", ["accuracy", "latency"]),
    ("Loss", "huber"),
    ("Metrics", ["auc", "accuracy"]),
]
REFUSED = [
    ("DatabaseUrl", "mysql://host/db", "sqlite:///file.db or postgresql://user@host/database"),
    ("DatabaseUrl", "postgresql://ann@host", "sqlite:///file.db or postgresql://"),
    ("DatabaseUrl", "sqlite:///a\nb.db", "sqlite:///file.db or postgresql://"),
    ("ArtifactPlace", "s3://", "s3://bucket/prefix"),
    ("ArtifactPlace", "gs://bucket", "s3://bucket/prefix"),
    ("Source", "a\tb.csv", "escapes"),
    ("Split", [0.6, 0.2, 0.1], "three fractions that sum to 1; these sum to 0.9"),
    ("Family", "mpl", "one of mlp, cnn"),
    (
        "Family",
        "my_model:build",
        "one of mlp, cnn, sequence, text, keras:ResNet50, my_model.py:build",
    ),
    ("Objective", [], "a name, or a list of different names"),
    ("Objective", ["accuracy", "accuracy"], "a list of different names"),
    ("Objective", "latency", "validation loss or a metric first"),
    ("Loss", "mse", "one of auto, binary_cross"),
    ("Metrics", ["acuracy"], 'did you mean "accuracy"?'),
]

TYPES = {**vars(value_types), **vars(own_code_types)}


def checked(kind: str, value: Any) -> Any:
    return pydantic.TypeAdapter(TYPES[kind]).validate_python(value)


@pytest.mark.parametrize(("kind", "value"), ACCEPTED)
def test_a_legal_value_is_returned_unchanged(kind: str, value: Any) -> None:
    assert checked(kind, value) == value


@pytest.mark.parametrize(("kind", "value", "expected"), REFUSED)
def test_a_refusal_says_what_is_expected(kind: str, value: Any, expected: str) -> None:
    with pytest.raises(pydantic.ValidationError) as refused:
        checked(kind, value)
    assert expected in str(refused.value)


def test_the_gp_sampler_needs_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(pydantic.ValidationError, match="or torch installed"):
        checked("Sampler", "gp")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "torch")
    assert checked("Sampler", "gp") == "gp"
