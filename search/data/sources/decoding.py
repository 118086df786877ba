"""The text of a file: UTF-8, or what its byte order mark says. It is never guessed."""

from __future__ import annotations

import codecs

NOT_UTF_8, NOT_TEXT = "not UTF-8", "not text"
EXPECTED = {
    NOT_UTF_8: "text in UTF-8, or in UTF-16 with its mark",
    NOT_TEXT: "text; in UTF-16 with its mark",
}
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class DecodingError(ValueError):
    """An error: these bytes are no text; the message, a key of `EXPECTED`, is the reason."""


def text_of(content: bytes) -> str:
    """Return the text that the bytes of a file hold.

    Raises:
        DecodingError: they are not UTF-8, or hold zeros, as other files and UTF-16 do.
    """
    coding = next((name for mark, name in _MARKS.items() if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(coding)
    except UnicodeDecodeError:
        raise DecodingError(NOT_UTF_8) from None
    if "\0" in text:
        raise DecodingError(NOT_TEXT)
    return text
