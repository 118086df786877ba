"""Numbers as people write them: `1,163.74`, `1.163,74`, `12 %`, `$5`, `0x1f`, `n/a`."""

from __future__ import annotations

from collections.abc import Iterable
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
DECIMAL_COMMA, THOUSANDS = "decimal comma", "thousands"  # how commas are meant
_DOTS = r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+"  # 1.163: of thousands where commas are decimal
_THOUSANDS = r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?"
_COMMA = r"[+-]?(?:\d{1,3}(?:[.' \u00a0\u202f]\d{3})+|\d+),\d+"
_APOSTROPHES = r"[+-]?\d{1,3}(?:[' \u00a0\u202f]\d{3})+(?:\.\d*)?"
_PLAIN = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_HEX = r"0[xX][0-9a-fA-F]+"

Floats = NDArray[np.float64]


def is_missing(texts: pd.Series[Any]) -> NDArray[np.bool_]:
    """Return True for each text that stands for a missing number or date."""
    return np.asarray(texts.str.strip().str.lower().isin(MISSING) | texts.isna(), bool)


def parsed(texts: pd.Series[Any], commas: str = "") -> Floats:
    """Return the numbers (N,) of texts; NaN for those that are missing or no numbers.

    Args:
        texts: (N,) as they stand in the table.
        commas: "decimal comma": `1,5` is 1.5, and the dots of `1.163` separate thousands;
            "thousands": `1,163` is 1163; "": nothing tells, so that `1,163` is no number.
    """
    import pandas as pd

    bare = _bare(texts)
    decimal = commas == DECIMAL_COMMA
    readable = bare.where(~bare.str.contains(".", regex=False), "") if decimal else bare
    plain = pd.to_numeric(readable, errors="coerce").to_numpy(np.float64, copy=True)
    open_ = np.flatnonzero(np.isnan(plain) & (bare != "").to_numpy())
    if len(open_):
        plain[open_] = _written(bare.iloc[open_], commas)
    plain[is_missing(texts)] = np.nan
    return plain


def style(texts: pd.Series[Any]) -> str:
    """Return how the separators of a column's numbers are meant.

    Returns:
        "", "thousands" or "decimal comma"; "either" where nothing in the column tells `1,163` from
        1.163, or whether `1.163 €` is 1163.
    """
    bare = _bare(texts)
    commas = bare[bare.str.contains(",", regex=False)]
    more = bare.str.fullmatch(r"[+-]?\d{4,}")  # who separates thousands does so everywhere
    if commas.empty:
        return _style_of_dots(texts, bare, more)
    if not commas.str.fullmatch(AMBIGUOUS).all():
        return THOUSANDS if commas.str.fullmatch(_THOUSANDS).all() else DECIMAL_COMMA
    dots = bare.str.fullmatch(r"[+-]?\d*\.\d+")
    return THOUSANDS if dots.any() and not more.any() else "either"


def _style_of_dots(texts: pd.Series[Any], bare: pd.Series[str], more: pd.Series[bool]) -> str:
    dots = bare[bare.str.contains(".", regex=False)]
    if dots.empty or not dots.str.fullmatch(_DOTS).all():
        return ""
    count = dots.str.count(r"\.")
    if (count > 1).any() and not (count == 3).all():  # 1.234.567; three are an address's
        return DECIMAL_COMMA
    money = texts.str.contains(f"[{CURRENCIES}]", regex=True, na=False).any()
    return "either" if money and not more.any() else ""


def units(texts: pd.Series[Any]) -> pd.Series[str]:
    """Return the per cent sign or currency of each text; "" where it has none."""
    return texts.str.extract(f"([%{CURRENCIES}])", expand=False).fillna("")


def is_mixed(units: Iterable[str]) -> bool:
    """Return True for several currencies, or per cents beside numbers that are none."""
    found = {*units}
    return len(found - {""}) > 1 or found == {"", "%"}


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


def _written(bare: pd.Series[str], commas: str) -> Floats:
    """Return the numbers of texts that are not plain; NaN where they are none."""
    found = np.full(len(bare), np.nan)
    decimal = ((_COMMA, _from_comma), (_DOTS, _from_comma))
    meant = decimal if commas == DECIMAL_COMMA else ((_THOUSANDS, _from_thousands),)
    unclear = bare.str.fullmatch(AMBIGUOUS).to_numpy(bool) & (commas == "")
    for pattern, convert in ((_HEX, _from_hex), *meant, (_APOSTROPHES, _from_thousands)):
        fits = bare.str.fullmatch(pattern).to_numpy(bool) & np.isnan(found) & ~unclear
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


def is_plain(texts: pd.Series[Any]) -> NDArray[np.bool_]:
    """Return True for each number without separators, units and spaces."""
    return texts.str.fullmatch(_PLAIN).to_numpy(bool)
