"""A script is run as `python FILE` runs it."""

import json
import sys
from pathlib import Path

import pytest

from studyhall.search.scripts import script
from studyhall.search.scripts.script import Script

TEXT = """
import json, os, sys
import neighbour
found = [__name__, sys.argv[1:], os.getcwd(), neighbour.name, os.path.basename(__file__)]
class Mine:
    pass
found.append(getattr(sys.modules["__main__"], "Mine") is Mine)
with open("found.json", "w") as file:
    file.write(json.dumps(found))
if "fail" in sys.argv:
    raise KeyError("width")
"""


@pytest.fixture
def written(tmp_path):
    """The folder of a script below the working directory, with a module beside it."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "tune.py").write_text(TEXT)
    (folder / "neighbour.py").write_text("name = 'neighbour'")
    yield folder
    sys.modules.pop("neighbour", None)


def test_it_finds_its_arguments_its_folder_and_what_lies_beside_it(written, tmp_path):
    before = sys.argv, [*sys.path], Path.cwd(), sys.modules["__main__"]
    mine = Script.at(written / "tune.py", tmp_path, ["--fast", "3"])

    script.execute(mine)

    found = json.loads((tmp_path / "found.json").read_text())
    assert found == ["__main__", ["--fast", "3"], str(tmp_path), "neighbour", "tune.py", True]
    assert before == (sys.argv, sys.path, Path.cwd(), sys.modules["__main__"])
    assert (
        mine.path == "code/tune.py" and Script.at(written / "a.py", Path("/usr"), []).path[0] == "/"
    )


def test_what_it_raises_leaves_nothing_behind(written, tmp_path):
    before = sys.argv, [*sys.path], Path.cwd()
    with pytest.raises(KeyError, match="width"):
        script.execute(Script.at(written / "tune.py", tmp_path, ["fail"]))
    assert before == (sys.argv, sys.path, Path.cwd())
