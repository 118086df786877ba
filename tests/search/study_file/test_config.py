"""A study file is read as written, or refused with every mistake in it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from studyhall.search.study_file import config, config_error, toml_writer
from studyhall.search.study_file.sections import StudyFile

SMALL = '[study]\nname = "digits"\n[data]\nsource = "sklearn:digits"\n'


def problems(text: str) -> list[str]:
    with pytest.raises(config_error.ConfigError) as refused:
        config.parse(text)
    return refused.value.problems


def problem(table: str, line: str) -> str:
    """The only mistake of a small study file with that line in that table."""
    tables = SMALL if f"[{table}]" in SMALL else f"{SMALL}[{table}]\n"
    (found,) = problems(tables.replace(f"[{table}]\n", f"[{table}]\n{line}\n"))
    assert found.startswith(f"study.toml: [{table}] ")
    return found.removeprefix(f"study.toml: [{table}] ")


def test_a_small_file_gets_the_defaults() -> None:
    read = config.parse(SMALL)
    assert read.study.trials == 60
    assert read.data.split == (0.6, 0.2, 0.2)
    assert read.model.family == "mlp"
    assert (read.training.epochs, read.training.patience) == (100, 10)
    assert (read.search.sampler, read.search.pruner, read.search.first) == (
        "auto",
        "auto",
        "textbook",
    )
    assert (read.workers.heartbeat, read.workers.silence, read.workers.retries) == (15, 90, 3)
    assert read.space == {}


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "digits.toml"
    path.write_text(SMALL.replace("[data]", "trials = 5\nseed = 7\n[data]"))
    read = config.load(path, {"study": {"trials": 9}, "workers": {"count": 2}, "search": {}})
    assert (read.study.trials, read.study.seed, read.workers.count) == (9, 7, 2)


def test_a_mistake_on_the_command_line_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "digits.toml"
    path.write_text(SMALL.replace("[data]", "seed = -1\n[data]"))
    with pytest.raises(config_error.ConfigError) as refused:
        config.load(path, {"study": {"trials": 0}})
    assert refused.value.problems == [
        "command line: [study] trials: received 0, expected a whole number ≥ 1",
        "digits.toml: [study] seed: received -1, expected a whole number ≥ 0 and ≤ 4294967295",
    ]


def test_a_whole_number_serves_where_a_number_is_expected() -> None:
    assert config.parse(SMALL + "[workers]\nheartbeat = 5\n").workers.heartbeat == 5.0


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ("study", "trials = 1.5", "trials: received 1.5, expected a whole number ≥ 1"),
        ("study", "trials = true", "trials: received true, expected a whole number ≥ 1"),
        ("study", 'trials = "5"', 'trials: received "5", expected a whole number ≥ 1'),
        ("study", "hours = 0", "hours: received 0, expected a number > 0"),
        ("study", "hours = nan", "hours: received nan, expected a number > 0"),
        ("study", "hours = 2020-01-01", "hours: received 2020-01-01, expected a number > 0"),
        ("study", 'artifacts = ""', 'artifacts: received "", expected text in quotes'),
        ("data", "split = [0.5, 0.5]", "split: received [0.5, 0.5], expected three numbers > 0"),
        ("data", "split = [1.0, 0.0, 0.0]", "expected three numbers > 0 that sum to 1"),
        ("data", "folds = 0", "folds: received 0, expected a whole number ≥ 1"),
        ("data", "image_size = [32]", "image_size: received [32], expected [height, width]"),
        ("data", 'grey = "yes"', 'grey: received "yes", expected true or false'),
        ("data", 'task = "clasification"', 'did you mean "classification"?'),
        ("data", "sorce = 3", "sorce: received an unknown key, expected source"),
        ("data", "xyz = 3", "xyz: received an unknown key, expected one of source, split"),
        ("training", "patience = 0", 'patience: received 0, expected a whole number ≥ 1 or "none"'),
        ("training", 'patience = "no"', 'expected a whole number ≥ 1 or "none"'),
        ("training", 'metric = "accuracy"', "metric: received an unknown key, expected metrics"),
        ("training", "metrics = []", 'metrics: received [], expected "auto" or some of accuracy'),
        (
            "training",
            "batch_size = 32",
            "batch_size: received an unknown key, expected it in [space]",
        ),
        ("search", 'pruner = "medain"', 'did you mean "median"?'),
        ("search", "pruner_percentile = 0", "expected a number > 0 and ≤ 100"),
        ("workers", "count = 0", 'received 0, expected a whole number ≥ 1 and ≤ 1024 or "auto"'),
        ("workers", "silence = 20", "silence: received 20, expected more than twice the heartbeat"),
        (
            "workers",
            "heartbeat = 60",
            "silence: received 90.0, expected more than twice the heartb",
        ),
        ("space", "learnin_rate = 0.1", '"learning_rate"'),
        ("space", "dropout = { low = 0.5, high = 0.2 }", "dropout: received"),
        ("space", "l2 = { low = 0.0, high = 0.1, log = true }", "l2: received"),
        ("space", "batch_size = []", "batch_size: received an empty list"),
        ("space", 'momentum = { low = 0.1, high = 0.9, when = { x = "y" } }', "momentum: received"),
    ],
)
def test_a_mistake_says_what_was_received_and_what_is_expected(
    table: str, line: str, said: str
) -> None:
    assert said in problem(table, line)


def test_every_mistake_is_told_at_once() -> None:
    found = problems(
        'seed = 3\n[study]\ntrials = 0\n[data]\nsource = 1\nfolds = 0\n[modl]\nfamily = "mlp"\n'
        '[training]\nepochs = "ten"\n[space]\ndropout = { low = 0.5, high = 0.2 }\nlr = 0.1\n'
    )
    said = "\n".join(found)
    for place in (
        "[study] name",
        "[study] trials",
        "[data] source",
        "[data] folds",
        "[modl]",
        "[training] epochs",
        "[space] dropout",
        "[space] lr",
        "seed: received a key outside",
    ):
        assert f"study.toml: {place}" in said
    assert len(found) == 9


def test_space_is_checked_beside_an_unknown_family() -> None:
    found = problems(SMALL + '[model]\nfamily = "mpl"\n[space]\ndropout = []\n')
    assert [line.split(":")[1] for line in found] == [" [model] family", " [space] dropout"]


def test_a_users_own_family_may_search_any_name() -> None:
    read = config.parse(SMALL + '[model]\nfamily = "my_model.py:build"\n[space]\nheads = [2, 4]\n')
    assert read.space == {"heads": [2, 4]}


def test_missing_tables_are_told_with_what_they_need() -> None:
    assert problems("") == [
        "study.toml: [study]: received nothing, expected this table, with name",
        "study.toml: [data]: received nothing, expected this table, with source",
    ]


def test_a_key_in_place_of_a_table() -> None:
    assert "study.toml: [study]: received 3, expected a table" in problems("study = 3\n")
    assert "study.toml: [space]: received 3, expected a table" in problems("space = 3\n")
    assert "study.toml: [modl]: received an unknown table, expected [model]" in problems("[modl]\n")


def test_a_grid_needs_points() -> None:
    grid = SMALL + '[search]\nsampler = "grid"\n[space]\n'
    points = "depth = { low = 1, high = 3 }\ndropout = { low = 0.0, high = 0.4, step = 0.2 }\n"
    assert config.parse(grid + points + "l2 = [0.0, 1e-3]\n").search.sampler == "grid"
    assert problems(grid + points + "l2 = { low = 0.0, high = 0.1 }\n") == [
        "study.toml: [space] l2: received a range without a step, expected a list or a step,"
        ' which sampler = "grid" needs'
    ]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("horizon = 3", "[data] horizon: received 3 without windows, expected windows, too"),
        (
            "windows = 3\nfolds = 4",
            "[data] folds: received 4 with windows, expected 1: folds would train on what comes"
            " after their validation set",
        ),
        (
            'split_by = "day"\ngroup = "shop"',
            '[data] group: received "shop" with split_by, expected one of the two; or windows, each'
            " over the rows of one group",
        ),
    ],
)
def test_what_does_not_fit_rows_in_order(keys: str, said: str) -> None:
    assert problems(f"{SMALL}{keys}\n") == [f"study.toml: {said}"]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (
            "min_improvement = 0.1",
            "min_improvement: received 0.1 without stop_after, expected stop_a",
        ),
        ("stop_after = 0", "stop_after: received 0, expected a whole number ≥ 1"),
        (
            'target = 1\nobjective = ["accuracy", "latency"]',
            "target: received 1.0 with several objectives, expected none: a Pareto front has no",
        ),
    ],
)
def test_what_no_result_can_be_measured_by(keys: str, said: str) -> None:
    (line,) = problems(f'[study]\nname = "s"\n{keys}\n[data]\nsource = "sklearn:iris"\n')
    assert line.startswith(f"study.toml: [study] {said}")


def test_a_pruner_cannot_give_more_epochs_than_there_are() -> None:
    few = SMALL + "[training]\nepochs = 3\n[search]\npruner_min_epochs = 4\n"
    assert config.parse(few).search.pruner_min_epochs == 4  # the median does without it
    assert problems(few + 'pruner = "hyperband"\n') == [
        "study.toml: [search] pruner_min_epochs: received 4,"
        " expected at most the 3 epochs of a trial"
    ]


def test_wilcoxon_needs_parts_enough_to_be_sure() -> None:
    chosen = SMALL + '[search]\npruner = "wilcoxon"\n[training]\nrepeats = {}\n'
    assert problems(chosen.format(4)) == [
        'study.toml: [search] pruner: received "wilcoxon" with folds × repeats = 4,'
        " expected folds × repeats ≥ 5 for pruner_p_value = 0.1"
    ]
    assert config.parse(chosen.format(5)).search.pruner == "wilcoxon"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[study]\nname = \n", "line 2, column 8: Invalid value"),
        ("[study]\nname = 'x\n", 'line 3, end of file: Expected "\'"'),
        ("[study]\nname = 'a'\nname = 'b'\n", "line 3, column 11: Cannot overwrite a value"),
    ],
)
def test_a_slip_of_the_pen_is_placed(text: str, place: str) -> None:
    assert problems(text) == [f"study.toml: {place}"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(config_error.ConfigError) as error:
            config.load(path)
        return str(error.value)

    missing = tmp_path / "none.toml"
    assert (
        refused(missing) == f"{missing}: received no such file or directory, expected a study file"
    )
    assert "is a directory" in refused(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"[study]\nname = '\xff'\n")
    assert refused(binary) == (
        "binary.toml: line 2: received bytes that are not UTF-8, expected UTF-8: "
        "save it with the encoding UTF-8"
    )


def test_what_was_stored_comes_back_the_same() -> None:
    read = config.parse(
        SMALL
        + "image_size = [8, 9]\n[training]\nmetrics = ['accuracy']\n[space]\nl2 = [0.0, 0.1]\n"
    )
    stored = json.loads(json.dumps(config.to_dict(read)))
    assert config.from_dict(stored) == read


def test_a_study_stored_before_a_key_existed_gets_its_default() -> None:
    stored = config.to_dict(config.parse(SMALL))
    del stored["training"]["xla"], stored["workers"]
    assert config.from_dict(stored) == config.parse(SMALL)


@pytest.mark.parametrize("gone", [{"xla": "auto"}, {"metric": "val_loss"}])
def test_a_study_stored_with_what_is_gone_opens(gone: dict[str, str]) -> None:
    stored = config.to_dict(config.parse(SMALL))
    stored["training"] |= gone
    assert config.from_dict(stored) == config.parse(SMALL)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:s3cret@host:5432/db?sslmode=require",
        "postgresql+psycopg://ann@host:5432/db?password=s3cret&sslmode=require",
        "postgresql://ann@host:5432/db?sslpassword=s3cret&sslmode=require&PASSWORD=s3cret",
    ],
)
def test_a_password_is_neither_stored_nor_shown(url: str) -> None:
    read = config.parse(SMALL.replace("[data]", f'storage = "{url}"\n[data]'))
    stored = config.to_dict(read)["study"]["storage"]
    assert "s3cret" not in stored
    assert "s3cret" not in repr(read)
    assert stored.endswith("://ann@host:5432/db?sslmode=require")
    assert read.study.storage == url  # the caller still connects with it


@pytest.mark.parametrize("url", ["mysql://ann:s3cret@host/db", "postgresql://ann:s3cret@host:x/db"])
def test_a_password_in_a_refused_url_is_not_shown(url: str) -> None:
    said = problem("study", f'storage = "{url}"')
    assert "s3cret" not in said
    assert "expected sqlite:///file.db or postgresql://user@host/database" in said


def test_differences_say_what_a_changed_file_does() -> None:
    changed = config.parse(
        '[study]\nname = "digits"\ntrials = 90\nseed = 1\nstorage = "sqlite:///b.db"\n'
        '[data]\nsource = "sklearn:wine"\n[model]\nfamily = "cnn"\n'
        '[training]\nepochs = 50\nxla = "on"\n[search]\nsampler = "random"\nfirst = "none"\n'
        "[space]\nl2 = 0.1\n[workers]\ncount = 2\n"
    )
    found = {
        d.key: (d.old, d.new, d.effect) for d in config.differences(config.parse(SMALL), changed)
    }
    assert found == {
        "study.trials": (60, 90, "applies"),
        "study.seed": (0, 1, "kept"),
        "data.source": ("sklearn:digits", "sklearn:wine", "refused"),
        "model.family": ("mlp", "cnn", "refused"),
        "training.epochs": (100, 50, "refused"),
        "training.xla": ("off", "on", "applies"),
        "search.sampler": ("auto", "random", "applies"),
        "search.first": ("textbook", "none", "kept"),
        "space.l2": (None, 0.1, "refused"),
        "workers.count": ("auto", 2, "applies"),
    }
    assert config.differences(changed, changed) == []


FIXED = (
    SMALL.replace("[data]", "trials = 2\n[data]")
    + """
[space]
depth = { low = 1, high = 3 }
width = { low = 4, high = 512, log = true, per_layer = true }
dropout = { low = 0.0, high = 0.5, step = 0.1 }
optimizer = ["adam", "nesterov"]
momentum = { low = 0.5, high = 0.9, when = { optimizer = "nesterov" } }
l2 = 0.001
"""
)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("width = 600\ndepth = 1", "width: received 600, expected 4 … 512, log"),
        ("width = 16", "width: received 16, expected depth in the same trial"),
        ("width = [4, 8]\ndepth = 3", "width: received [4, 8], expected 3 values, one for"),
        ('optimizer = "adm"', 'optimizer: received "adm", expected one of adam, nesterov'),
        (
            "momentum = 0.7",
            "momentum: received 0.7, expected optimizer = nesterov in the same trial",
        ),
        ("l2 = 0.1", "l2: received 0.1, expected 0.001, which is constant in [space]"),
        ("l1 = 0.1", "l1: received 0.1, expected an entry l1 in [space] that allows this"),
        ("with = 8", "with: received 8, expected one of depth, "),
        ("dropout = true", "dropout: received true, expected 0.0 … 0.5, step 0.1"),
        ("dropout = nan", "dropout: received nan, expected 0.0 … 0.5, step 0.1"),
        ('name = ""', 'name: received "", expected 1 to 100 characters'),
        ('name = "first"', 'name: received "first", expected a unique name; [[trials]] 1 already'),
    ],
)
def test_a_fixed_trial_has_values_that_the_search_might_try(lines: str, said: str) -> None:
    (found,) = problems(f'{FIXED}[[trials]]\nname = "first"\n[[trials]]\n{lines}\n')
    assert found.startswith(f"study.toml: [[trials]] 2 {said}")


def test_fixed_trials_are_tables_and_no_more_than_all_trials() -> None:
    (found,) = problems(FIXED + "[[trials]]\n" * 3)
    expected = "expected at least 3, as many as there are [[trials]]"
    assert found == f"study.toml: [study] trials: received 2, {expected}"
    (found,) = problems("trials = 3\n" + SMALL)
    assert found == "study.toml: [[trials]]: received 3, expected tables, each headed [[trials]]"
    (found,) = problems(SMALL + "[trials]\nl2 = 0.1\n")
    assert "[[trials]]: received { l2 = 0.1 }, expected tables" in found


def test_fixed_trials_are_stored_and_written_as_they_are() -> None:
    read = config.parse(f'{FIXED}[[trials]]\nname = "a"\ndepth = 2\nwidth = [4, 8]\n')
    stored = json.loads(json.dumps(config.to_dict(read)))
    assert config.from_dict(stored) == read
    assert config.parse(toml_writer.text(stored)) == read
    assert config.from_dict({"study": stored["study"], "data": stored["data"]}).trials == []


def test_an_entry_taken_out_of_the_space_is_a_difference() -> None:
    old = config.parse(SMALL + "[space]\nl2 = 0.1\n")
    (found,) = config.differences(old, config.parse(SMALL))
    assert (found.key, found.new, found.effect) == ("space.l2", None, "refused")


def test_every_key_has_a_meaning() -> None:
    from studyhall.search.study_file import reference

    keys = {table: reference.of_table(table) for table in StudyFile.model_fields}
    assert [key for known in keys.values() for key in known if not key.meaning] == []
    assert {table for table, known in keys.items() if not known} == {"space", "trials"}


def test_checking_a_file_needs_no_tensorflow(tmp_path: Path) -> None:
    path = tmp_path / "digits.toml"
    path.write_text(SMALL + "[space]\ndropout = [0.1, 0.2]\n")
    code = (
        "import sys; from studyhall.search.study_file import config; config.load(sys.argv[1]);"
        "sys.exit(', '.join({'tensorflow', 'keras', 'optuna'} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
