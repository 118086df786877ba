"""One spelling for each text: Unicode's form NFC, in which é is one character.

Keyboards write it, but macOS, PDFs and some exports write NFD, in which é is an e and an accent.
They look the same, so no column, category, class or word may differ in nothing else.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # commands that only ask about a study need neither
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

Value = TypeVar("Value")


def composed(value: Value) -> Value:
    """Return a text in NFC, and anything else as it is."""
    if not isinstance(value, str) or unicodedata.is_normalized("NFC", value):
        return value
    return unicodedata.normalize("NFC", value)  # type: ignore[return-value]


def array(texts: NDArray[Any]) -> NDArray[np.str_]:
    """Return an array of strings in NFC, of the same shape."""
    import numpy as np

    return np.array([composed(str(each)) for each in texts.flat], str).reshape(texts.shape)


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts and names of columns are in NFC."""
    import pandas as pd

    columns = [_column(frame.iloc[:, at]) for at in range(frame.shape[1])]
    return pd.concat(columns, axis=1).rename(columns=composed) if columns else frame


def _column(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column in NFC; itself if it is."""
    import pandas as pd
    from pandas.api import types

    if isinstance(column.dtype, pd.CategoricalDtype):
        if all(composed(each) == each for each in column.cat.categories):
            return column
        return column.astype(column.cat.categories.dtype).map(composed, na_action="ignore")
    if not (types.is_string_dtype(column) or types.is_object_dtype(column)):
        return column
    return column.map(composed, na_action="ignore").astype(column.dtype)
