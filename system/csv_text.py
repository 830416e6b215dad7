"""Text in the cells of CSV files that people open in a spreadsheet."""

from __future__ import annotations

# A spreadsheet computes a cell that begins with one of these, as a formula. The last four are the wide characters of
# Chinese and Japanese keyboards.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff0b", "\uff0d", "\uff20")
QUOTE = "'"  # spreadsheets take a cell that begins with it as text
SPECIAL = frozenset(',;"\t\r\n')  # a semicolon separates cells in some languages


def guarded(text: str) -> str:
    """Puts an apostrophe before text that a spreadsheet would compute, and before text that begins with one already.

    `unguarded` gives back every text.
    """
    return QUOTE + text if text.startswith((*FORMULA, QUOTE)) else text


def unguarded(text: str) -> str:
    """Gives back the text that `guarded` received."""
    return text.removeprefix(QUOTE)


def csv_field(text: str) -> str:
    """Returns text as one cell of a line of a CSV file: guarded, and in double quotes where it needs them."""
    text = guarded(text)
    return '"' + text.replace('"', '""') + '"' if SPECIAL & set(text) else text
