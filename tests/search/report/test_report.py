"""The report of a real study: what it holds, in words, as Markdown, JSON, and one HTML file."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from studyhall.search.diagnosis import findings
from studyhall.search.evaluation import proof
from studyhall.search.process.stop import Stop
from studyhall.search.report import content, elements, markdown, summary
from studyhall.search.report import report as page
from studyhall.search.retraining import confirm_result, datacurve, hidden_trials
from studyhall.storage.database.companions import CONFIRM, DATACURVE
from studyhall.storage.studies import studies
from tests import pages

ROOT = Path(__file__).resolve().parents[3]
OWN = """
    import keras

    def build(trial, input_shape, outputs):
        if trial.number == 3:
            raise RuntimeError("</script><b>it's wrong</b> | a_b")
        units = trial.suggest_int("units", 2, 9)
        return keras.Sequential([
            keras.Input(input_shape),
            keras.layers.Dense(units, activation="relu"),
            keras.layers.Dense(outputs, activation="softmax"),
        ])
"""


@pytest.fixture(scope="module")
def run(shared_studio):
    """Twelve trials on iris, one of them failed; the best confirmed, proven and tested."""
    rate = {"low": 1e-4, "high": 1e-1, "log": True}
    study = shared_studio.study(
        OWN, study={"trials": 12}, space={"width": None, "learning_rate": rate}
    )
    shared_studio.finish(study)
    confirm_result.plan(shared_studio.db, study, 2, 2)
    datacurve.plan(shared_studio.db, study, 0, 1)
    for purpose in (CONFIRM, DATACURVE):
        hidden_trials.work(shared_studio.db, study, purpose, Stop())
    proof.finish(shared_studio.db, study)
    return shared_studio.db, study


@pytest.fixture(scope="module")
def told(run):
    return json.loads(page.report(*run, "json"))


class Reader(HTMLParser):
    """The parser of a page: its references, its elements' names, and the elements left open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.ids, self.links = [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "input", "img"):
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.add(value)
            if name in ("src", "href"):
                self.links.append(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_its_keys_are_told(told):
    text = pages.text("json.md")
    section = text.partition("## A report")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(told)


def test_the_summary_says_what_was_found(told):
    best, said = told["best"], " ".join(told["summary"])
    assert f"Trial {best['trial']} is the best" in said
    assert f"Its curves say {best['verdict']['name']}" in said
    assert "Confirmed with 2 new seeds each, trial " in said and "worth training longer?" in said
    assert "Would more data help? " in said and "More data, or tuning?" not in said
    guessed = " ".join(summary.summary({**told, "data_curve": None}))
    assert "More data, or tuning? " in guessed and "Would more data help?" not in guessed
    assert "12 of 12 trials have finished" in said and "On the test set: accuracy" in said


def test_failures_and_what_is_needed_to_do_it_again(told):
    assert told["status"]["failed"] == 1
    assert any("it's wrong" in reason for reason in told["lost"]["reasons"])
    again = told["reproduce"]
    assert len(again["data"]) == 64 and again["best_seed"] is not None
    assert again["code"].keys() == {"mine.py"} and again["versions"]["keras"]
    assert 'source = "sklearn:iris"' in again["study_file"]
    [note] = again["notes"]
    assert note == "1 of 30 test samples also stand among the training and validation samples"
    assert ["notes on the data", note] in markdown.reproduce(again)[1]


def test_the_worst_samples_are_the_surest_mistakes(told):
    worst = told["worst"]
    assert all(each["true"] != each["predicted"] for each in worst)
    sure = [each["probability"] for each in worst]
    assert sure == sorted(sure, reverse=True) and all(each["picture"] is None for each in worst)


def test_it_says_how_many_the_best_are(run, told):
    (head, _), page_text = markdown.hyperparameters(told), page.report(*run, "html")
    assert told["status"]["complete"] == 11 and head[3] == "the best 5 of 11"
    assert "each trial as a line, the best 5 of 11 in colour" in page_text


def test_the_page_is_one_whole_file(run):
    text = page.report(*run, "html")
    reader = Reader(text)
    assert reader.open == []
    outside = [link for link in reader.links if not link.startswith(("#", "data:image/"))]
    assert outside == [] and {link[1:] for link in reader.links if link[0] == "#"} <= reader.ids
    figures = json.loads(re.search(r'id="figures">(.*?)</script>', text, re.DOTALL)[1])
    assert figures.keys() <= reader.ids
    drawn = {"over_trials", "over_time", "loss", "importance", "slice-units", "confusion"}
    drawn |= {"confirmation", "data_curve"}
    assert {f"plot-{name}" for name in drawn} <= figures.keys()
    assert "<b>it's" not in text and "&lt;b&gt;it" in text


def test_a_study_without_a_result_has_a_page_too(shared_studio):
    study = shared_studio.study(study={"name": "empty"})
    text = page.report(shared_studio.db, study, "html")
    assert "No trial has been completed yet." in text and Reader(text).open == []
    assert "No trial has been completed yet." in page.report(shared_studio.db, study, "md")


def test_markdown_tables_hold_together(run):
    text = page.report(*run, "md")
    blocks = [b for b in text.split("\n\n") if b.startswith("|")]
    assert len(blocks) >= 6
    for block in blocks:
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1
    assert "&lt;b&gt;it's wrong" in text


def test_the_worst_trials_come_last_and_many_are_cut():
    trials = [
        {"trial": n, "state": state, "value": value, "best_epoch": 1, "epochs": 1, "verdict": None,
         "reason": None, "name": name}
        for n, (state, value, name) in enumerate(
            [("failed", None, None), ("complete", 2.0, "wide"), ("pruned", 0.1, None),
             ("complete", 1.0, None)]
        )
    ]  # fmt: skip
    _, rows = markdown.trials(trials, 3, "minimize")
    assert [row[0] for row in rows] == ["3", "1 (wide)", "2"]
    _, rows = markdown.trials(trials, 2, "maximize")
    assert [row[0] for row in rows] == ["1 (wide)", "3"]


def test_it_says_whose_score_the_proofs_is(told):
    of_a_fold = {**told["best"], "model": {"of": "that of fold 5"}}
    said = " ".join(summary.summary({**told, "best": of_a_fold}))
    assert "Reloaded in a fresh process its model, that of fold 5, scored " in said
    of_one = {**told["best"], "model": None}
    assert "its model scored " in " ".join(summary.summary({**told, "best": of_one}))


def test_a_table_is_as_high_as_its_rows_and_numbers_stand_to_the_right():
    rows = [["one", "0.97", "1.2e-05", "–"], ["two", "−3", "45 %", "1,2"]]
    table = elements.TEMPLATES.get_template("elements.html").module.table
    shown = table(["class", "F2", "more", "mixed"], rows)
    assert re.findall('<th class="(.*?)">', shown) == ["short", "number", "number", "text"]
    assert 'class="table"' in table(["a"], [["1"]] * elements.MOST_ROWS)
    assert 'class="table tall"' in table(["a"], [["1"]] * (elements.MOST_ROWS + 1))


def test_percents_read_well():
    assert summary.percent(0.4567) == "46 %" and summary.percent(0.0012, 1) == "0.1 %"


def test_the_findings_are_read_once(run):
    db, study = run
    found = findings.read(db, study)
    gathered = content.gather(db, found)
    assert gathered["verdicts"] and gathered["hyperparameters"][0]["importance"] is not None
    assert set(page.drawn(db, found, gathered)) >= {"parallel", "time"}


def test_what_is_not_there_takes_no_room():
    macros = elements.TEMPLATES.get_template("elements.html").module
    assert macros.plot({}, "nothing") == "" and macros.table(["a"], []) == ""


def test_a_report_needs_no_tensorflow(run):
    db, study = run
    code = (
        "import sys; from studyhall.storage.database import Database;"
        "from studyhall.storage.studies import studies;"
        "from studyhall.search.report import report; db = Database.open(sys.argv[1]);"
        "report.report(db, studies.find(db, sys.argv[2]), 'html');"
        "sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    url = db.url.render_as_string(hide_password=False)
    assert subprocess.run([sys.executable, "-c", code, url, study.name]).returncode == 0
    assert studies.find(db, study.name) is not None
