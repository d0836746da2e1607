"""Hostile text made harmless: what a judge or a peer wrote is shown, and does nothing."""

from __future__ import annotations

import re

_BIDI = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_TABLE = {
    **{code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\n\t"},
    0x7F: "\u2421",
    **{code: f"\\x{code:02x}" for code in range(0x80, 0xA0)},
    **{ord(char): f"\\u{ord(char):04x}" for char in _BIDI + "\u2028\u2029\ufeff"},
}


def visible(text: str) -> str:
    r"""Replace characters that act on a terminal or turn the direction of a line by ones that are seen.

    Line ends and tabs stay; lone surrogates become escapes.

    Examples
    --------
    >>> visible("a\x1b[31mb")
    'a␛[31mb'
    """
    safe = text.replace("\r\n", "\n").translate(_TABLE)
    return safe.encode("utf-8", "backslashreplace").decode("utf-8")


def shortened(text: str, most: int) -> str:
    """The beginning of a text, and how much more there was.

    Examples
    --------
    >>> shortened("abcdef", 4)
    'abcd… (2 more characters)'
    """
    return text if len(text) <= most else f"{text[:most]}… ({len(text) - most:,} more characters)"


def fenced(text: str) -> str:
    """A Markdown code block that its text cannot close."""
    runs = [len(run) for run in re.findall(r"`{3,}", text)]
    fence = "`" * (max(runs, default=2) + 1)
    return f"{fence}text\n{visible(text)}\n{fence}"


def plain_cell(text: str) -> str:
    """Text for a Markdown table or line: one line, nothing that Markdown or HTML would act on."""
    line = " ".join(visible(text).split())
    return re.sub(r"([\\`*_\[\]<>|#!~&])", r"\\\1", line).replace("://", ":\u200b//")
