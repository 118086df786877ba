"""The command line in this process: its commands, its options, its exit codes."""

import json
import tomllib
from importlib.metadata import version

import pytest

from studyhall.search.cli import deletion, options
from studyhall.search.cli import status as questions
from studyhall.search.study_file.config_error import ConfigError
from studyhall.storage.queries import records, status
from studyhall.storage.studies import studies


def test_its_version(typed):
    assert typed("--version") == (0, f"studyhall {version('studyhall')}\n", "")


def test_help_names_every_command(typed):
    code, out, _ = typed("--help")
    assert code == 0
    for command in (
        "new", "check", "launch", "resume", "stop", "status", "trials", "best", "delete",
        "dashboard", "worker",
    ):  # fmt: skip
        assert f" {command} " in out
        assert typed(command, "--help")[0] == 0
    assert "inspect" not in out and "finish" not in out  # for studyhall itself


@pytest.mark.parametrize(
    "arguments",
    [("lunch",), ("launch",), ("launch", "a.toml", "--trials", "0"), ("trials",), ("status", "-x")],
)
def test_misspelt_commands(typed, arguments):
    code, _, err = typed(*arguments)
    assert code == 2 and len(err.splitlines()) == 1
    assert err.startswith("studyhall") and err.endswith(" --help\n")


def test_without_a_command_its_help(typed):
    code, out, err = typed()
    assert code == 2 and "Usage: " in out and err == ""


def test_a_study_file_on_the_terminal(typed):
    code, out, _ = typed("new")
    assert code == 0 and tomllib.loads(out)["study"]["name"] == "my-study"


def test_a_study_file_for_another_family(typed):
    code, out, _ = typed("new", "--family", "sequence")
    made = tomllib.loads(out)
    assert code == 0 and made["model"]["family"] == "sequence"
    assert made["space"]["cell"] == ["gru", "lstm", "conv"]
    code, out, err = typed("new", "--family", "sequense")
    assert code == 2 and out == ""
    assert '--family: received "sequense", expected one of mlp, cnn, sequence' in err


def test_an_empty_database(typed):
    code, out, _ = typed("status")
    assert code == 0 and "no studies yet; start one with: studyhall launch FILE" in out
    assert typed("status", "--json")[1] == "[]\n"


def test_an_unknown_study(studio, typed):
    studio.study(study={"name": "digits"})
    for command in ("trials", "best", "resume", "delete", "worker", "status"):
        code, _, err = typed(command, "digit")
        assert code == 2 and "there is no study 'digit' in " in err and "it has: digits" in err


def test_one_study_and_all(studio, typed):
    for name in ("one", "other"):
        studio.study(study={"name": name})
    both = json.loads(typed("status", "--json")[1])
    assert [found["study"] for found in both] == ["one", "other"]
    assert json.loads(typed("status", "other", "--json")[1])["study"] == "other"
    shown = typed("status")[1]
    assert "one" in shown and "other" in shown


def test_the_storage_option_and_the_environment(studio, typed, tmp_path, monkeypatch):
    studio.study()
    url = f"sqlite:///{studio.folder}/studyhall.db"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert typed("status")[0] == 2
    assert json.loads(typed("status", "--storage", url, "--json")[1])[0]["study"] == "iris"
    monkeypatch.setenv("STUDYHALL_STORAGE", url)
    assert json.loads(typed("status", "--json")[1])[0]["study"] == "iris"


def test_a_running_trial_is_shown(studio, typed):
    study = studio.study()
    store = studio.worker(study).context.store
    claim = store.claim()
    store.report(claim, 1, 0.75, {"loss": 0.8})
    code, out, _ = typed("status", "iris")
    assert code == 0 and "worker@" in out and "0.75" in out
    (found,) = json.loads(typed("status", "iris", "--json")[1])["workers"]
    assert (found["trial"], found["epoch"], found["value"]) == (0, 1, 0.75)


def test_reaping_says_what_became_of_silent_workers_trials(studio, typed):
    study = studio.study(workers={"retries": 0, "silence": 60.0, "heartbeat": 0.5})
    store = studio.worker(study).context.store
    store.report(store.claim(), 1, 0.75, {})
    other = studio.worker(study).context.store
    other.claim()
    assert typed("status", "--reap", "--json")[2] == ""
    for dead in (store, other):
        dead.close()
    studio.db.transaction(lambda t: t.run("UPDATE studyhall_leases SET heard_at = heard_at - 61"))
    assert "worker@" not in typed("status", "iris")[2]
    code, out, err = typed("status", "iris", "--reap", "--json")
    watching, waits, failed = err.splitlines()
    assert watching == "iris: watching its workers for 1 s: who is alive sends a heartbeat"
    assert (code, json.loads(out)["waiting"], json.loads(out)["failed"]) == (0, 1, 1)
    assert waits.startswith("iris: trial 0 waits for another worker: worker@")
    assert waits.endswith("sent no heartbeat for more than 60 s")
    assert failed.startswith("iris: trial 1 failed: worker@")
    assert "its worker died without completing an epoch" in failed
    assert typed("status", "--reap")[2] == ""


def test_trials_with_reasons(studio, typed):
    study = studio.study(model={"family": "cnn"}, space={"width": None})
    studio.finish(study)
    code, out, _ = typed("trials", "iris")
    assert code == 0 and out.count('family = "cnn" needs images') == 2


def test_best_of_nothing(studio, typed):
    studio.study()
    code, _, err = typed("best", "iris")
    assert code == 2 and err.startswith('study "iris": received no complete trial yet')


def test_deleting_asks(studio, typed, monkeypatch):
    study = studio.study()
    asked = []
    monkeypatch.setattr(deletion.typer, "confirm", lambda question: asked.append(question) or False)
    assert typed("delete", "iris")[0] == 0
    assert 'Delete study "iris" with 0 trials and ' in asked[0]
    assert studies.names(studio.db) == ["iris"]
    assert typed("delete", "iris", "--yes")[0] == 0
    assert studies.names(studio.db) == []
    assert not (studio.folder / study.config["artifacts"]).exists()


def test_a_worker_by_hand(studio, typed):
    study = studio.study()
    code, out, err = typed("worker", "iris")
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "worker started: iris on cpu, 2 of 2 trials left"
    assert [trial.state for trial in records.trials(studio.db, study)] == ["COMPLETE"] * 2


def test_a_bug_shows_its_traceback(studio, typed, monkeypatch):
    studio.study()
    monkeypatch.setattr(questions.show, "studies_table", lambda rows: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        typed("status")


@pytest.mark.parametrize(("written", "added"), [("+20", 20), ("80", 30), ("50", 0)])
def test_more_trials_in_words(written, added):
    assert options.more(written, 50) == added


@pytest.mark.parametrize("written", ["", "+", "+0", "0", "-5", "many", "1.5", "49", "٣"])
def test_more_trials_in_other_words(written):
    with pytest.raises(ConfigError, match=r"^command line: --trials: received"):
        options.more(written, 50)


def test_questions_leave_the_database_as_it_is(studio, typed):
    study = studio.study()
    studio.finish(study)
    before = status.status(studio.db, study)
    for command in (("status",), ("trials", "iris"), ("best", "iris")):
        assert typed(*command)[0] == 0
    after = status.status(studio.db, study)
    assert (after.counts, after.limit, after.used) == (before.counts, before.limit, before.used)


def test_a_study_of_optunas_is_named_and_taken_in(tmp_path, monkeypatch, command):
    import optuna

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUDYHALL_STORAGE", url := f"sqlite:///{tmp_path}/theirs.db")
    theirs = optuna.create_study(study_name="my churn", storage=url)
    theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)

    def typed(*words):
        code, out, err = command(*words)
        return code, out + err

    code, said = typed("status")
    assert (
        code == 0 and "Optuna has created: my churn\nto take one in: studyhall adopt NAME" in said
    )
    code, said = typed("trials", "my churn")
    assert code == 2 and "has not created it: take it in by studyhall adopt 'my churn'" in said
    for _ in range(2):
        code, said = typed("adopt", "my churn")
        assert code == 0 and said.startswith('study "my churn" with 2 trials: adopted; see ')
    code, said = typed("best", "my churn")
    assert code == 0 and f"value {theirs.best_value:.5g}" in said and "not done" not in said
    assert "created" not in typed("status")[1]
    assert typed("export", "my churn", "--to", "all.parquet", "--epochs")[0] == 0
    code, said = typed("resume", "my churn", "--trials", "+1")
    assert code == 2 and said.startswith("my churn: received a study of Optuna, whose data")
    assert typed("adopt", "none")[1].startswith("there is no study 'none' in ")
