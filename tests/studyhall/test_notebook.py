"""Notebooks: builders and data of cells, a table that updates in place, interrupted cells."""

import re
import textwrap

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

PLOT = "application/vnd.plotly.v1+json"
GIVEN = """
import os, signal
import keras, numpy as np, studyhall
from studyhall import optuna

random = np.random.default_rng(0)
x = random.normal(size=(200, 6)).astype("float32")
y = (x[:, 0] + x[:, 1] > 0).astype(int)
units = (4, 16)

def layer(hp):
    return keras.layers.Dense(hp.Int("units", *units), activation="relu")

def build(hp):
    model = keras.Sequential([keras.Input((6,)), layer(hp), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model

class Interrupt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        epochs.append(epoch)
        if epochs == [0, 1]:
            os.kill(os.getpid(), signal.SIGINT)
"""
SEARCHED = """
study = studyhall.Study("fits")
study.search(build, x, y, validation_split=0.2, epochs=3, trials=2, verbose=0,
             callbacks=[Interrupt()])
"""


def executed(folder, *cells):
    """Run cells as Jupyter does; return their outputs as text."""
    made = [nbformat.v4.new_code_cell(textwrap.dedent(each)) for each in cells]
    notebook = nbformat.v4.new_notebook(cells=made)
    client = NotebookClient(
        notebook, timeout=300, allow_errors=True, resources={"metadata": {"path": str(folder)}}
    )
    client.execute()
    return [[*map(text, cell.outputs)] for cell in notebook.cells]


def text(output):
    """One output of a cell."""
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    if output.output_type == "stream":
        return output.text
    if PLOT in output.data:
        return f"{PLOT} of {len(output.data[PLOT]['data'])} traces"
    plain = output.data.get("text/plain", "")
    # Tables that update in place are text; studies, trials and plots are shown as HTML.
    return plain if plain and "left of" in plain else output.data.get("text/html", plain)


def test_a_builder_of_a_cell_trains_in_the_kernel_and_in_workers(tmp_path):
    *_, here, there, answer, own, optimised, shown, history, curves, best = executed(
        tmp_path,
        GIVEN,
        'here = studyhall.Study("here", data=(x, y), model=build, epochs=2).run(trials=2)',
        "there = studyhall.Study('there', data=(x, y), model=build, epochs=2).run(2, workers=2)",
        "print([*here.trials['value']] == [*there.trials['value']])\n"
        "print(there.best.model.predict_on_batch(x[:2]).shape)",
        "own = studyhall.Study('own')\n"
        "own.search(build, x, y, validation_split=0.2, epochs=2, trials=2, verbose=0, workers=2)",
        "offset = 0.5\n"
        "def objective(trial):\n    return (trial.suggest_float('x', 0, 1) - offset) ** 2\n"
        "_ = studyhall.Study('square').optimize(objective, 2, workers=2)",
        "own",
        "own.plot_history()",
        "own.plot_learning_curves()",
        "own.best",
    )
    runs = {"here": here, "there": there, "own": own, "square": optimised}
    for name, outputs in runs.items():
        said = "\n".join(outputs)
        assert f"best of {name}: trial" in said or name in ("own", "square"), said
        # One table, updated in place, and no line per trial beside it.
        tables = [each for each in outputs if re.search(r"2 complete, .* 0 left of 2", each)]
        assert len(tables) == 1 and "trial 0 complete" not in said, said
    assert "".join(answer) == "True\n(2, 1)\n"
    assert "proven: the model of trial" in "".join(own)
    assert "2 of 2 finished" in shown[0] and "<table>" in shown[0]
    for plot in (history, curves):
        assert re.fullmatch(rf"{re.escape(PLOT)} of [1-9] traces", *plot)
    assert "units" in best[0] and "<table>" in best[0]


def test_an_interrupted_cell_hands_back_and_goes_on_when_it_is_run_again(tmp_path):
    _, first, second, answer = executed(
        tmp_path,
        GIVEN + "epochs = []",
        SEARCHED,
        SEARCHED,
        "print(epochs, [*study.trials['state']], study.best.model.count_params() > 0)",
    )
    assert "fits: the trial is handed back; run the cell again to go on" in "".join(first)
    assert first[-1].startswith("KeyboardInterrupt"), first
    assert "KeyboardInterrupt" not in "".join(second)
    assert "".join(answer) == "[0, 1, 2, 0, 1, 2] ['COMPLETE', 'COMPLETE'] True\n"


def test_an_interrupt_reaches_the_workers_of_a_cell(tmp_path):
    prepare = """
    import threading, time
    study = studyhall.Study("crew", data=(x, y), epochs=50, patience="none")

    def interrupt_once_it_works():
        while True:
            time.sleep(0.5)
            try:
                if len(study.trials):
                    return os.kill(os.getpid(), signal.SIGINT)
            except (studyhall.ConfigError, studyhall.StorageError):
                pass  # not begun yet
    """
    begin = """
    threading.Thread(target=interrupt_once_it_works).start()
    study.run(trials=10_000)
    """
    own = """
    study = studyhall.Study("own")
    threading.Thread(target=interrupt_once_it_works).start()
    """
    search = """
    study.search(build, x, y, validation_split=0.2, epochs=30, trials=4, verbose=0, workers=2,
                 callbacks=[keras.callbacks.LambdaCallback(lambda *_: time.sleep(0.1))])
    """
    tell = "print([study.status()[each] for each in ('running', 'complete', 'repeated_epochs')])"
    _, _, first, state, _, handed_back, told, _, went_on = executed(
        tmp_path,
        GIVEN,
        prepare,
        begin,
        "print({*study.trials['state']} & {'COMPLETE', 'RUNNING'})",
        own,
        search,
        tell,
        search,
        tell,
    )
    said = "".join(first)
    assert "stopping after the current epochs" in said, said
    assert "KeyboardInterrupt" in said and "to continue: studyhall resume crew" in said, said
    assert "COMPLETE" in "".join(state) or "RUNNING" in "".join(state)
    said = "".join(handed_back)
    assert "own: the trials are handed back; run the cell again to go on" in said, said
    assert handed_back[-1].startswith("KeyboardInterrupt"), handed_back
    assert "".join(told) == "[0, 0, 0]\n" and "".join(went_on) == "[0, 4, 0]\n"
