import textwrap

import numpy as np
import pytest

from studyhall.search.data.errors import DataError
from studyhall.search.data.sources import user_data
from studyhall.search.data.trees import Tree
from studyhall.spaces.failures import UserCodeError

PRELUDE = "import numpy as np\nx, y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)\n"
DATASET = "import tensorflow as tf\nd = tf.data.Dataset.from_tensor_slices((x, y))\n"


@pytest.fixture
def read(tmp_path):
    def of(body, prelude=PRELUDE):
        code = f"{prelude}\ndef load():\n{textwrap.indent(body, '    ')}\n"
        (tmp_path / "my_data.py").write_text(code)
        return user_data.read("my_data.py:load", tmp_path)

    return of


def lengths(arrays):
    parts = (arrays.validation, arrays.test)
    return [len(arrays.y), *(None if part is None else len(part[1]) for part in parts)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return x, y", [6, None, None]),
        ("return x.tolist(), y.tolist()", [6, None, None]),
        ("return (x, y), (x[:2], y[:2])", [6, None, 2]),
        ("return [(x, y), (x[:2], y[:2])]", [6, None, 2]),
        ("return (x, y), (x[:3], y[:3]), (x[:2], y[:2])", [6, 3, 2]),
    ],
)
def test_arrays(read, body, expected):
    arrays = read(body)
    assert lengths(arrays) == expected and np.shape(arrays.x) == (6, 2)


@pytest.mark.parametrize(
    ("body", "paths", "weighted"),
    [
        ("return x, y, y", [None, None], ["training"]),
        ("return [x, x], y", [["[0]", "[1]"], None], []),
        (
            "return {'b': x, 'a': y}, [y, y], [y, y]",
            [['["a"]', '["b"]'], ["[0]", "[1]"]],
            ["training"],
        ),
        ("return (x, {'t': y}), (x, {'t': y}, y)", [None, ['["t"]']], ["test"]),
        ("return [*x], y", [None, None], []),
        ("return [*x], [*y.reshape(6, 1)]", [None, None], []),
        ("return [x, [x, x]], y", [["[0]", "[1][0]", "[1][1]"], None], []),
    ],
)
def test_several_inputs_targets_and_weights(read, body, paths, weighted):
    arrays = read(body)
    found = [each.paths() if isinstance(each, Tree) else None for each in (arrays.x, arrays.y)]
    assert found == paths and [*arrays.weights] == weighted


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return d", [6, None, None]),
        ("return d.batch(4), d.take(2).batch(2)", [6, None, 2]),
        ("return d, d.take(3), d.take(2)", [6, 3, 2]),
        ("return d.batch(2, drop_remainder=True), (x[:2], y[:2])", [6, None, 2]),
    ],
)
def test_datasets_batched_or_not(read, body, expected):
    arrays = read(body, PRELUDE + DATASET)
    assert lengths(arrays) == expected
    assert arrays.x.tolist() == np.arange(12.0).reshape(6, 2).tolist()
    assert arrays.y.tolist() == [0, 1] * 3


@pytest.mark.parametrize(
    ("body", "received"),
    [
        ("return None", "NoneType"),
        ("return x", "ndarray"),
        ("return x, y, y, y", "a tuple of 4 (ndarray, ndarray, ndarray, ndarray)"),
        ("return {'x': x, 'y': y}", "dict"),
        ("return (x, y), (x,)", "a tuple of 1 (ndarray)"),
        ("return ((x, y),) * 4", "a tuple of 4 (tuple, tuple, tuple, tuple)"),
        ("return ()", "a tuple of 0 ()"),
        ("return d.map(lambda x, y: x)", "a Dataset of a tensor of shape (2,)"),
        ("return d.repeat()", "an endless Dataset"),
        ("return d.take(0)", "an empty Dataset"),
    ],
)
def test_anything_else_is_refused_by_name(read, body, received):
    with pytest.raises(DataError) as caught:
        read(body, PRELUDE + (DATASET if "d." in body else ""))
    [line] = caught.value.problems
    assert line.startswith(f"[data] source: received {received}")
    assert "from my_data.py:load, expected " in line


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("my_data.py:lode", 'has no function "lode"; it has load; did you mean "load"?'),
        ("my_date.py:load", 'did you mean "my_data.py"?'),
        ("my_data.py:x", "expected a function"),
    ],
)
def test_a_missing_function(tmp_path, reference, said):
    (tmp_path / "my_data.py").write_text("x = 1\ndef load(): ...\n")
    with pytest.raises(DataError) as caught:
        user_data.read(reference, tmp_path)
    [line] = caught.value.problems
    assert line.startswith(f'[data] source: received "{reference}": ') and said in line


def test_a_function_that_wants_arguments(tmp_path):
    (tmp_path / "my_data.py").write_text("def load(path): ...\n")
    with pytest.raises(DataError, match=r"takes \(path\), expected \(\)"):
        user_data.read("my_data.py:load", tmp_path)


@pytest.mark.parametrize("code", ["def load():\n    return 1 / 0\n", "1 / 0\ndef load(): ...\n"])
def test_its_own_exception_keeps_its_traceback(tmp_path, code):
    (tmp_path / "my_data.py").write_text(code)
    with pytest.raises(UserCodeError) as caught:
        user_data.read("my_data.py:load", tmp_path)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "1 / 0" in caught.value.own_traceback and "my_data.py" in caught.value.own_traceback


LOADER = """
class Tensor:
    def __init__(self, array):
        self._array = array

    def numpy(self):
        return self._array

class DataLoader:
    __module__ = "torch.utils.data.dataloader"

    def __iter__(self):
        return ((Tensor(x[some]), Tensor(y[some])) for some in (slice(0, 4), slice(4, 6)))

    def __len__(self):
        return 2

class Shuffled(DataLoader):
    __module__ = "mine"

def batches():
    for one, other in DataLoader():
        yield one.numpy(), other.numpy()
"""


@pytest.mark.parametrize("body", ["DataLoader()", "Shuffled()", "(DataLoader(), DataLoader())"])
def test_a_loader_of_pytorch_is_refused_in_a_sentence(read, body):
    with pytest.raises(DataError) as caught:
        read(f"return {body}", PRELUDE + LOADER)
    assert caught.value.problems == [
        "[data] source: received a DataLoader of PyTorch from my_data.py:load, expected a function"
        " of its batches as NumPy arrays: yield x.numpy(), y.numpy()"
    ]


def test_its_batches_as_arrays_are_read(read):
    found = read("return batches", PRELUDE + LOADER)
    assert found.x.tolist() == np.arange(12.0).reshape(6, 2).tolist() and len(found.y) == 6
