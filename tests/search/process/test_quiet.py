"""TensorFlow's loading notes stay off the terminal; what keeps it from loading does not."""

import os
import subprocess
import sys

QUIETLY = (
    "from studyhall.search.process import quiet; quiet.import_keras();"
    " import keras; print('loaded')"
)


def load(**environment):
    command = [sys.executable, "-c", QUIETLY]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def test_nothing_is_said():
    answer = load(TF_CPP_MIN_LOG_LEVEL="3")
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "loaded\n", "")


def test_a_failure_is_shown_with_what_was_written_before(tmp_path):
    broken = "import os; os.write(2, b'no such driver\\n'); raise ImportError('broken')"
    (tmp_path / "tensorflow.py").write_text(broken)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    answer = load(PYTHONPATH=path)
    assert answer.returncode == 1 and answer.stdout == ""
    assert "no such driver" in answer.stderr and "ImportError: broken" in answer.stderr
