"""The common result of every source: raw samples and targets in memory, and their checks."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from studyhall.search.data import precision, texts, trees, unicode_form
from studyhall.search.data.columns.features import Column
from studyhall.search.data.errors import refusal
from studyhall.search.data.row_places import Place
from studyhall.search.data.rows_on_disk import RowsOnDisk
from studyhall.search.data.trees import Tree
from studyhall.spaces import spelling

# np.ndarray (N, …), of objects for texts (N,), scipy.sparse.csr_matrix (N, words),
# RowsOnDisk (N, …), or Tree of arrays
Samples: TypeAlias = Any
Targets: TypeAlias = np.ndarray[Any, Any]  # or Tree, where the user's own function returns them
Pair: TypeAlias = tuple[Samples, Targets]

DIGEST = 16  # bytes: two different samples have the same digest once in 10**19 times


@dataclass(frozen=True, eq=False)
class Arrays:
    """The samples of one source, before splitting.

    Attributes:
        x: (N, …) samples; multi-hot rows as csr_matrix.
        y: (N, …) targets in the source's form: class labels, names or numbers.
        validation: the source's own validation set (x, y), if it has one.
        test: the source's own test set (x, y), if it has one.
        classes: names of the integer labels 0, 1, …, if the source has names.
        columns: names of the columns of x, for tables.
        one_hot: True for each column of x that encodes a category as 0/1, for tables.
        categories: the values of each categorical column, in the order of its one-hot columns.
        groups: (N,) group of each sample; a group must stay in one part of the split.
        order: (N,) numbers by which the parts of the split follow each other, such as dates; or
            (N, 2) times at which each sample begins and ends, of any unit. None: at random.
        own: True for the user's own arrays, which the user's own model may get unchanged.
        sample_shape: shape of a sample in the source; None if it is that of x.
        table: the columns of a table that the features are made of.
        notes: sentences on what was left out or changed while reading.
        weights: of the samples in the loss, (N,) or a tree of these with one for each output, by
            the name of the part: training, validation, test.
        place: where each sample stands in a table, for messages; None where none does.
    """

    x: Samples
    y: Targets
    validation: Pair | None = None
    test: Pair | None = None
    classes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    one_hot: tuple[bool, ...] = ()
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Targets | None = None
    order: Targets | None = None
    own: bool = False
    sample_shape: tuple[int, ...] | None = None
    table: tuple[Column, ...] = ()
    notes: tuple[str, ...] = ()
    weights: Mapping[str, Any] = field(default_factory=dict)
    place: Place | None = None

    @property
    def may_have_gaps(self) -> bool:
        """True for a table: NaN stands for a missing number, here or in rows to come."""
        return bool(self.table)

    @property
    def parts(self) -> list[Pair]:
        """All pairs (x, y) of the source: its samples, then its own validation and test set."""
        own = [pair for pair in (self.validation, self.test) if pair is not None]
        return [(self.x, self.y), *own]


def digest(sample: np.ndarray[Any, Any] | str) -> bytes:
    """Return a digest of a sample's values, or of a text."""
    if isinstance(sample, str):
        sample = np.frombuffer(sample.encode(), np.uint8)
    return hashlib.blake2b(np.ascontiguousarray(sample).data, digest_size=DIGEST).digest()


def checked(arrays: Arrays, source: str, image_size: tuple[int, int] | None = None) -> Arrays:
    """Check the arrays and return them in the shapes that the rest of the code expects.

    Args:
        arrays: as the source's reader returns them.
        source: the source's name, for messages.
        image_size: height and width that samples must have, if given; then (N, height, width) are
            grey images whatever their type. Without it only 8-bit arrays are taken for images.

    Raises:
        DataError: no samples, different lengths or shapes, or values that are not finite numbers.
    """
    images, gaps = image_size is not None, arrays.may_have_gaps
    pairs = [_pair(x, y, source, images=images, gaps=gaps) for x, y in arrays.parts]
    if len({texts.is_texts(x) for x, _ in pairs}) > 1:
        raise refusal("source", f"texts beside numbers in {source}", "texts in each part, or none")
    shapes = _of_one_shape([x for x, _ in pairs], source)
    if image_size is not None:
        _of_size(shapes, image_size, source)
    _of_one_width([y for _, y in pairs], source)
    rest = pairs[1:]
    x, y = pairs[0]
    return replace(
        arrays,
        x=x,
        y=y,
        validation=rest.pop(0) if arrays.validation is not None else None,
        test=rest.pop(0) if arrays.test is not None else None,
        sample_shape=None if isinstance(x, Tree) else _shape(arrays.x)[1:],
        weights={part: _weights(each, source, part) for part, each in arrays.weights.items()},
    )


def _shape(x: Samples) -> tuple[int, ...]:
    return x.shape if isinstance(x, RowsOnDisk) else tuple(np.shape(x))


def shape_of_one(x: Samples) -> Any:
    """Return the shape of one sample; of a tree, a tree of the shapes of its leaves."""
    return x.shape if isinstance(x, Tree) else tuple(x.shape[1:])


def some(x: Samples, rows: Any) -> Samples:
    """Return some samples, by a slice or an array of row numbers; those on disk are not read."""
    return x.take(rows) if isinstance(x, RowsOnDisk) else x[rows]


def joined(first: Samples, second: Samples) -> Samples:
    """Return the samples of both; those on disk are not read."""
    if isinstance(first, RowsOnDisk | Tree):
        return first.joined(second)
    return (sparse.vstack if sparse.issparse(first) else np.concatenate)((first, second))


def _of_one_shape(samples: list[Samples], source: str) -> Any:
    """Return the shape of one sample, after checking that all parts have the same."""
    shapes = {str(shape): shape for shape in map(shape_of_one, samples)}
    if len(shapes) > 1:
        received = " and ".join(sorted(shapes))
        raise refusal("source", f"samples of shapes {received} in {source}", "one shape")
    return shapes.popitem()[1]


def _of_one_width(targets: list[Targets], source: str) -> None:
    widths = sorted({str(shape_of_one(flat(y))) for y in targets})
    if len(widths) > 1:
        received = " and ".join(widths)
        raise refusal("source", f"targets of shapes {received} in {source}", "one shape")


def flat(y: Targets) -> Targets:
    """Return targets of shape (N, 1) as (N,) and others unchanged."""
    if isinstance(y, Tree):
        return y
    return y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _of_size(shape: tuple[int, ...], size: tuple[int, int], source: str) -> None:
    if len(shape) != 3 or shape[:2] != tuple(size):
        own = f"{list(shape[:2])}, the size" if len(shape) == 3 else "no size: there are no images"
        resized = "only images of a folder are resized"
        raise refusal("image_size", f"{list(size)}", f"{own} in {source}; {resized}")


def _pair(x: Any, y: Any, source: str, *, images: bool, gaps: bool) -> Pair:
    samples, targets = _samples(x, source, images, gaps), _targets(y, source)
    count = samples.shape[0] if sparse.issparse(samples) else len(samples)
    if count != len(targets):
        received = f"{spelling.counted(count, 'sample')} but"
        received += f" {spelling.counted(len(targets), 'target')} in {source}"
        raise refusal("source", received, "one target for every sample")
    return samples, targets


def _tree(found: Tree, source: str, name: str) -> Tree:
    """Return a tree of arrays of numbers, each with the same number of rows, otherwise as it is."""
    tree = Tree(trees.converted(lambda leaf, path: _leaf(leaf, source, path), found.nested, name))
    counts = {len(leaf): path for path, leaf in trees.leaves(tree.nested, name)}
    if len(counts) != 1:
        each = " and ".join(f"{count} in {path}" for count, path in counts.items())
        raise refusal("source", f"{each or 'no'} samples in {source}", "as many in each array")
    return tree


def _leaf(found: Any, source: str, name: str) -> Targets:
    array = _array(found, source, name)
    if array.dtype.kind not in "biuf":
        raise refusal("source", f"{name} of type {array.dtype} in {source}", "numbers")
    if 0 in array.shape:
        received = f"no samples in {name} of {source} (shape {array.shape})"
        raise refusal("source", received, "at least one")
    _finite(array, source, name)
    return array


def _weights(found: Any, source: str, part: str) -> Any:
    """Return the weights of a part's samples as float32, (N,) or a tree of these."""
    name = f"sample weights for {part}"
    if isinstance(found, Tree):
        return Tree(trees.mapped(_single, _tree(found, source, name).nested))
    return _single(flat(_leaf(found, source, name)))


def _single(array: Targets) -> Targets:
    return array.astype(np.float32)


def _samples(x: Any, source: str, images: bool, gaps: bool) -> Samples:
    if isinstance(x, RowsOnDisk):
        return x
    if isinstance(x, Tree):
        return _tree(x, source, "x")
    if sparse.issparse(x):
        rows = sparse.csr_matrix(x, dtype=np.float32)
        _finite(rows.data, source, "the stored values of x")
        return rows
    array = _array(x, source, "x")
    if texts.is_texts(array):
        return texts.checked(array, source)
    if array.dtype.kind not in "biuf":
        raise refusal("source", f"x of type {array.dtype} in {source}", "numbers, or texts")
    if array.ndim == 1:
        array = array[:, np.newaxis]
    if array.ndim == 3 and (images or array.dtype == np.uint8):  # grey images: add the channel
        array = array[..., np.newaxis]
    if 0 in array.shape:
        raise refusal("source", f"no samples in {source} (shape {array.shape})", "at least one")
    if not gaps:
        _finite(array, source, "x")
    if array.ndim < 4:
        rows = array.reshape(len(array), -1)
        precision.check(rows, lambda row, column: f"{source} at x[{row}, {column}]")
    return array


def _targets(y: Any, source: str) -> Any:
    if isinstance(y, Tree):
        return _tree(y, source, "y")
    array = _array(y, source, "y")
    if array.dtype.kind == "O" and all(isinstance(label, str) for label in array.flat):
        array = array.astype(str)
    if array.dtype.kind == "U":
        array = unicode_form.array(array)
    if array.dtype.kind not in "biufU":
        received = f"y of type {array.dtype} and shape {array.shape} in {source}"
        raise refusal("source", received, "class names, class numbers or values, one per sample")
    _finite(array, source, "y")
    return array


def _array(values: Any, source: str, name: str) -> Targets:
    try:
        array: Targets = np.asarray(values)
    except ValueError as error:  # rows of different length
        raise refusal("source", f"ragged {name} in {source}", "rows of one length") from error
    if array.dtype.kind == "O" and any(np.ndim(row) or isinstance(row, list) for row in array.flat):
        raise refusal("source", f"ragged {name} in {source}", "rows of one length")
    if array.ndim == 0:
        raise refusal("source", f"a single value as {name} in {source}", "an array")
    return array


def _finite(values: Targets, source: str, name: str) -> None:
    if values.dtype.kind != "f" or np.isfinite(values).all():
        return
    bad = np.argwhere(~np.isfinite(values))
    place = ", ".join(str(index) for index in bad[0])
    received = f"{values[tuple(bad[0])]} in {source} at {name}[{place}]"
    more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    raise refusal("source", received + more, "finite numbers")
