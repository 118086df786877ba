"""Training, validation and test parts that are streams, compared and checked by a sample.

What tells two streams apart is the kind, the elements, the number of batches and the first batches.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from studyhall.search.data import streams, trees
from studyhall.search.data.errors import DataError, problem, refusal
from studyhall.search.data.parts import Part
from studyhall.search.data.preparation import Preparation
from studyhall.search.data.streams import Batch, Stream
from studyhall.search.data.trees import Tree
from studyhall.search.study_file.input_sections import DataSection

SAMPLE = 4  # batches that are read twice, to see whether a stream is the same each time


@dataclass(frozen=True, eq=False)
class StreamPart:
    """A part whose samples are read from a stream.

    Attributes:
        stream: the stream.
        sample: its first batches, as arrays.
        repeatable: True if they were the same when they were read again.
        x, y, given, weights: None: there is no array that holds all of them.
    """

    stream: Stream
    sample: list[Batch]
    repeatable: bool
    x = y = given = weights = tokens = None

    @property
    def batch_size(self) -> int:
        """The number of samples in the first batch."""
        return len(next(leaf for _, leaf in trees.leaves(self.sample[0])))

    def few(self, count: int) -> Part:
        """Return the first samples, of one batch at most."""
        x, y, *weights = (Tree(each)[:count] for each in self.sample[0])
        return Part(x, y, y, weights=weights[0] if weights else None)

    def facts(self) -> dict[str, Any]:
        """Return what tells the stream from another one, as JSON values."""
        return {
            "kind": self.stream.kind,
            "elements": self.stream.elements or described(self.sample[0]),
            "batches": self.stream.batches,
            "first batches": _digest(self.sample) if self.repeatable else None,
        }


@dataclass(frozen=True, eq=False)
class StreamFold:
    """The only division of data that are streams; unpacks to (train, validation).

    Attributes:
        train: the training part, a stream.
        validation: the validation part: a stream, or arrays.
    """

    train: StreamPart
    validation: StreamPart | Part
    preparation = Preparation()

    @cached_property
    def size(self) -> int:
        """The number of training samples, as far as batches are full; of one batch if unknown."""
        return self.train.batch_size * (self.train.stream.batches or 1)

    def few(self, count: int) -> Part:
        """Return some training samples."""
        return self.train.few(count)

    def __iter__(self) -> Iterator[StreamPart | Part]:
        return iter((self.train, self.validation))


@dataclass(frozen=True)
class Streams:
    """The parts that the user's function returns, if the training part is to stay a stream.

    Attributes:
        parts: streams, or (x, y) or (x, y, weights) of arrays, by name.
        reference: the user's function, for messages.
    """

    parts: Mapping[str, Any]
    reference: str


def refuse_keys(section: DataSection) -> None:
    """Refuse keys that only arrays can follow.

    Raises:
        DataError: one line for each of them.
    """
    usual = DataSection.model_fields
    wanted = {
        "folds": "1",
        "samples": "none",
        "normalize": '"none"',
        "task": '"auto"',
        "scale_target": '"auto"',
    }
    problems = [
        problem(key, json.dumps(getattr(section, key)), f"{wanted[key]}: the data are a stream")
        for key in wanted
        if getattr(section, key) not in (usual[key].default, "none")
    ]
    if problems:
        raise DataError(problems)


def parts(found: Streams) -> dict[str, StreamPart | Part]:
    """Return the parts by name, after reading the first batches of each stream twice.

    Raises:
        DataError: a stream is no stream of batches, or validation or test differ from pass to pass,
            so that no value could be compared with another.
    """
    made = {name: _part(part, found.reference, name) for name, part in found.parts.items()}
    for name, part in made.items():
        if name != "training" and isinstance(part, StreamPart) and not part.repeatable:
            received = f"other batches in each pass over the {name} stream of {found.reference}"
            raise refusal("source", received, "the same ones: without shuffle or random numbers")
    return made


def notes(made: Mapping[str, StreamPart | Part]) -> list[str]:
    """Return sentences on what is not done for streams."""
    found = ["the data are a stream: read batch by batch, not searched for duplicates"]
    training = made["training"]
    if isinstance(training, StreamPart) and not training.repeatable:
        found.append(
            "the training stream differs from pass to pass: a trial that goes on from its"
            " checkpoint, and a replay, come close to it, but not to the same numbers; a function"
            " (epoch) that returns the batches of an epoch would make them the same"
        )
    return found


def facts(made: Mapping[str, StreamPart | Part]) -> dict[str, dict[str, Any]]:
    """Return what tells each stream from another one, by the name of its part."""
    return {name: part.facts() for name, part in made.items() if isinstance(part, StreamPart)}


def fingerprint(made: Mapping[str, StreamPart | Part]) -> str:
    """Return the SHA-256 (hex) of the facts of streams, and of the arrays of other parts."""
    digest = hashlib.sha256(json.dumps(facts(made)).encode())
    for part in made.values():
        if isinstance(part, Part):
            arrays = [trees.plain(each) for each in (part.x, part.y, part.weights)]
            digest.update(_digest([tuple(each for each in arrays if each is not None)]).encode())
    return digest.hexdigest()


def described(batch: Batch) -> str:
    """Return paths, shapes without the number of samples, and types of the arrays of a batch."""
    leaves = [
        (path, leaf)
        for name, part in zip(("x", "y", "weights"), batch, strict=False)
        for path, leaf in trees.leaves(part, name)
    ]
    return ", ".join(f"{path} {_shape(leaf)} {leaf.dtype}" for path, leaf in leaves)


def _shape(leaf: Any) -> str:
    return f"({', '.join(map(str, ('N', *leaf.shape[1:])))})"


def _part(found: Any, reference: str, name: str) -> StreamPart | Part:
    if isinstance(found, tuple):
        x, y, *weights = (None if each is None else _as_tree(each) for each in found)
        return Part(x, y, y, weights=weights[0] if weights else None)
    number = int(name == "training")
    sample, again = (streams.first(found, SAMPLE, reference, number) for _ in range(2))
    return StreamPart(found, sample, _digest(sample) == _digest(again))


def _as_tree(found: Any) -> Tree:
    return found if isinstance(found, Tree) else Tree(found)


def _digest(batches: list[Batch]) -> str:
    digest = hashlib.sha256()
    for batch in batches:
        for path, leaf in trees.leaves(batch):
            digest.update(f"{path}{leaf.dtype.str}{leaf.shape}".encode())
            digest.update(np.ascontiguousarray(leaf).data)
    return digest.hexdigest()
