"""The backend of a study: its file's, else its record's, else that of this machine."""

import os

import pytest

from studyhall.search.process import keras_settings
from studyhall.search.study import chosen_backend, creation, inspection, record
from studyhall.search.study_file import config
from studyhall.search.study_file.config_error import ConfigError
from studyhall.search.trial import blueprints
from studyhall.storage.studies import studies


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A machine with JAX, in whose processes Keras is not imported yet."""
    kept = {**os.environ, "KERAS_HOME": str(tmp_path / "keras")}
    kept.pop("KERAS_BACKEND", None)
    monkeypatch.setattr(os, "environ", kept)
    monkeypatch.setattr(keras_settings, "backend_in_use", lambda: None)
    monkeypatch.setattr(keras_settings, "is_installed", lambda name: name != "torch")
    return kept


def created(studio, **training):
    path = studio.write(training=training)
    file = config.load(path)
    return creation.create(studio.db, file, path.parent, inspection.inspect(file, path))


def url(studio):
    return studio.db.url.render_as_string(hide_password=False)


def test_the_file_goes_before_the_environment(studio, environment):
    environment["KERAS_BACKEND"] = "tensorflow"
    path = studio.write(training={"backend": "jax"})
    assert chosen_backend.of_file(config.load(path), path).training.backend == "jax"
    assert environment["KERAS_BACKEND"] == "jax"
    assert environment["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"


def test_a_file_that_says_nothing_has_the_environments(studio, environment):
    environment["KERAS_BACKEND"] = "jax"
    path = studio.write()
    assert chosen_backend.of_file(config.load(path), path).training.backend == "jax"


def test_the_study_goes_before_the_environment(studio, environment):
    environment["KERAS_BACKEND"] = "jax"
    study = created(studio)
    assert record.stored(study).file.training.backend == "jax"
    environment["KERAS_BACKEND"] = "tensorflow"
    path = studio.folder / "study.toml"
    resolved = chosen_backend.of_file(config.load(path), path, url(studio))
    assert resolved.training.backend == environment["KERAS_BACKEND"] == "jax"
    environment["KERAS_BACKEND"] = "tensorflow"
    chosen_backend.of_study(study)
    assert environment["KERAS_BACKEND"] == "jax"
    found = record.stored(study).inspection
    assert creation.compare(study, config.load(path), found, "study.toml") == []


def test_no_study_mixes_two_backends(studio, environment):
    study = created(studio, backend="jax")
    file = config.load(studio.write(training={"backend": "tensorflow"}))
    with pytest.raises(ConfigError, match=r'backend: received "tensorflow", expected "jax"'):
        creation.compare(study, file, record.stored(study).inspection, "study.toml")


def test_a_record_of_before_is_tensorflows(studio, environment):
    environment["KERAS_BACKEND"] = "jax"
    study = created(studio)
    del study.config["file"]["training"]["backend"]
    assert record.stored(study).file.training.backend == "tensorflow"


@pytest.mark.parametrize(
    ("variable", "training", "said"),
    [
        (None, {"backend": "torch"}, r'"torch", expected "tensorflow" or "jax", which'),
        ("torch", {}, r'"torch" by \$KERAS_BACKEND, .* torch installed \(pip install .*\[torch\]'),
        ("numpy", {}, r'"numpy" by \$KERAS_BACKEND, expected one of tensorflow, jax, torch$'),
    ],
)
def test_a_backend_that_is_not_there(studio, environment, variable, training, said):
    if variable:
        environment["KERAS_BACKEND"] = variable
    path = studio.write(training=training)
    with pytest.raises(ConfigError, match=rf"^study.toml: \[training\] backend: received .*{said}"):
        chosen_backend.of_file(config.load(path), path)
    assert studies.names(studio.db) == []


def test_torch_has_no_xla(studio, environment, monkeypatch):
    expected = (
        r'^study.toml: \[training\] xla: received "on" with backend = "torch", expected "off"'
    )
    with pytest.raises(ConfigError, match=expected):
        config.load(studio.write(training={"backend": "torch", "xla": "on"}))
    monkeypatch.setattr(keras_settings, "is_installed", lambda name: True)
    environment["KERAS_BACKEND"] = "torch"
    path = studio.write(training={"xla": "on"})
    with pytest.raises(ConfigError, match=expected):
        chosen_backend.of_file(config.load(path), path)


def test_a_worker_with_another_backend_refuses(studio):
    study = created(studio, backend="jax")
    stored = record.stored(study)
    said = r'^iris: \[training\] backend: received a worker with "tensorflow", expected "jax"'
    with pytest.raises(ConfigError, match=said):
        blueprints.of_file(stored.file, None, stored.folder)
