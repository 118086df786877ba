"""Numbers as people write them: `1,163.74`, `1.163,74`, `12 %`, `$5`, `0x1f`, `n/a`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studyhall.search.data.precision import WHOLE

if TYPE_CHECKING:
    import pandas as pd

# Written for a value that is missing, in a column of numbers or dates. In a column of words they
# are words: NA is a country, None a kind of alley.
MISSING = {"", "?", "-", "--", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing"}
CURRENCIES = "$€£¥"
AMBIGUOUS = r"[+-]?[1-9]\d{0,2},\d{3}"  # 1,163: with a decimal comma or a separator of thousands
_THOUSANDS = r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?"
_COMMA = r"[+-]?(?:\d{1,3}(?:[.' \u00a0\u202f]\d{3})+|\d+),\d+"
_APOSTROPHES = r"[+-]?\d{1,3}(?:[' \u00a0\u202f]\d{3})+(?:\.\d*)?"
_HEX = r"0[xX][0-9a-fA-F]+"

Floats = NDArray[np.float64]


def is_missing(texts: pd.Series[Any]) -> NDArray[np.bool_]:
    """Return True for each text that stands for a missing number or date."""
    return np.asarray(texts.str.strip().str.lower().isin(MISSING) | texts.isna(), bool)


def parsed(texts: pd.Series[Any], *, decimal_comma: bool = False) -> Floats:
    """Return the numbers (N,) of texts; NaN for those that are missing or no numbers.

    Args:
        texts: (N,) as they stand in the table.
        decimal_comma: `1,5` and `1,163` are 1.5 and 1.163; otherwise commas separate thousands.
    """
    import pandas as pd

    bare = _bare(texts)
    plain = pd.to_numeric(bare, errors="coerce").to_numpy(np.float64, copy=True)
    open_ = np.flatnonzero(np.isnan(plain) & (bare != "").to_numpy())
    if len(open_):
        plain[open_] = _written(bare.iloc[open_], decimal_comma)
    plain[is_missing(texts)] = np.nan
    return plain


def style(texts: pd.Series[Any]) -> str:
    """Return how the commas of a column's numbers are meant: "", "thousands", "decimal", "either".

    "either" means that nothing in the column tells `1,163` from 1.163.
    """
    bare = _bare(texts)
    commas = bare[bare.str.contains(",", regex=False)]
    if commas.empty:
        return ""
    if not commas.str.fullmatch(AMBIGUOUS).all():
        return "thousands" if commas.str.fullmatch(_THOUSANDS).all() else "decimal"
    dots = bare.str.fullmatch(r"[+-]?\d*\.\d+")
    more = bare.str.fullmatch(r"[+-]?\d{4,}")  # who separates thousands does so everywhere
    return "thousands" if dots.any() and not more.any() else "either"


def loses_digits(texts: pd.Series[Any], values: Floats) -> NDArray[np.int64]:
    """Return the rows of whole numbers too long for float64, where two of them become one value."""
    long = np.flatnonzero(np.abs(values) > WHOLE)
    if not len(long):
        return long
    digits = _bare(texts).iloc[long]
    whole = digits.str.fullmatch(r"[+-]?\d+").to_numpy(bool)
    few = len(np.unique(values[long[whole]])) < digits[whole].nunique()
    return long[whole] if few else long[:0]


def _bare(texts: pd.Series[Any]) -> pd.Series[str]:
    """Return texts without spaces at their ends, currencies and per cent signs."""
    signs = f" %\u00a0{CURRENCIES}"
    stripped = texts.fillna("").str.strip()
    marked = stripped.str.contains(f"[%{CURRENCIES}]", regex=True)
    if not marked.any():
        return stripped
    sign = stripped.where(~stripped.str.match(f"^-[{CURRENCIES}]"), "-" + stripped.str[2:])
    return sign.str.strip(signs)


def _written(bare: pd.Series[str], decimal_comma: bool) -> Floats:
    """Return the numbers of texts that are not plain; NaN where they are none."""
    commas = (_COMMA, _from_comma) if decimal_comma else (_THOUSANDS, _from_thousands)
    found = np.full(len(bare), np.nan)
    for pattern, convert in ((_HEX, _from_hex), commas, (_APOSTROPHES, _from_thousands)):
        fits = bare.str.fullmatch(pattern).to_numpy(bool) & np.isnan(found)
        if fits.any():
            found[fits] = convert(bare[fits]).to_numpy(np.float64)
    return found


def _from_hex(texts: pd.Series[str]) -> pd.Series[Any]:
    return texts.map(lambda text: float(int(text, 16)))


def _from_comma(texts: pd.Series[str]) -> pd.Series[Any]:
    return texts.str.replace(r"[.' \u00a0\u202f]", "", regex=True).str.replace(
        ",", ".", regex=False
    )


def _from_thousands(texts: pd.Series[str]) -> pd.Series[Any]:
    return texts.str.replace(r"[,' \u00a0\u202f]", "", regex=True)


def is_plain(text: str) -> bool:
    """Return True for a number without separators, units and spaces."""
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) is not None
