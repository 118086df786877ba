"""The best trial of a study, as Python has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from studyhall.search.api import pages


class BestTrial:
    """The best trial of a study.

    Attributes:
        number: its number, from 0.
        value: the objective at its best epoch; the mean where it has several trainings.
        params: its hyperparameters by name, as they were searched.
        scores: scores of its model on the test set by name. Of a study whose trials a function of
            yours runs, the metrics of the best epoch, as far as they are known.
        folder: the folder of its exported model; None if there is none.
    """

    def __init__(
        self,
        number: int,
        value: float,
        params: dict[str, Any],
        scores: dict[str, Any] | None,
        folder: Path | None,
        load: Callable[[], Any],
        export: Callable[[Path, Sequence[str]], None],
    ) -> None:
        self.number, self.value, self.params = number, value, params
        self.scores, self.folder = scores, folder
        self._load, self._export = load, export

    @cached_property
    def model(self) -> Any:
        """Its trained Keras model, loaded once; that of `Study.run` takes samples as they came.

        Raises:
            ConfigError: there is none, for example because it could not be proven.
        """
        return self._load()

    def export(self, to: str | PathLike[str], *, format: str | Sequence[str] = ()) -> Path:
        """Copy its model and its card to a folder, or its model alone to a file.

        It is proven first, if need be.

        Args:
            to: the folder, or a file that ends in `.keras`, `.onnx` or `.tflite`.
            format: one or more of "keras", "savedmodel", "onnx", "litert"; default: keras, or by
                the file's ending. Other formats than Keras' are loaded again and compared.

        Returns:
            The folder or file.

        Raises:
            ConfigError: the model can't be proven or converted, or it can't be written there.
        """
        path = Path(to)
        self._export(path, [format] if isinstance(format, str) else [*format])
        return path

    def _repr_html_(self) -> str:
        """Return the trial as a notebook shows it."""
        return pages.of_best(self.number, self.value, self.params, self.scores, self.folder)

    def __repr__(self) -> str:
        return f"BestTrial(number={self.number}, value={self.value:.7g}, params={self.params})"
