"""Filters through which values reach rendered code: `| literal` and `| word`.

Everything a template prints must have passed one of them; `only_code`, the environment's
finalizer, refuses the rest. So a template that lacks a filter fails on its first rendering with any
value, and not only when a hostile value comes.
"""

import math
import re
from typing import Any

from jinja2 import Undefined

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", re.ASCII)
LONGEST = 200


class UnsafeValueError(ValueError):
    """A value that must not appear in rendered code; the message names the value and the reason."""


class Code(str):
    """Text that is safe in Python source. Concatenated with other text it becomes `str`."""

    __slots__ = ()


def quote(value: bool | int | float | str) -> str:
    """The Python literal of a scalar, in ruff's style."""
    text = repr(value)
    return f'"{text[1:-1]}"' if text.startswith("'") and '"' not in text else text


def literal(value: Any) -> Code:
    """A scalar, or a dict of scalars, as a Python literal.

    Allowed are exactly bool, int and finite float, and text that is empty or one word: names of
    models and choices need no quotes, newlines, braces or brackets.
    """
    _defined(value)
    if type(value) is dict:
        return Code("{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}")
    if type(value) is str:
        return Code(quote(_one_word(value) if value else value))
    if type(value) in (bool, int) or (type(value) is float and math.isfinite(value)):
        return Code(quote(value))
    if type(value) is float:
        raise UnsafeValueError(f"{value!r} is not a finite number")
    raise UnsafeValueError(f"{value!r} is not a truth value, a number or text")


def word(value: Any) -> Code:
    """Text that is one word, bare, for a docstring or a comment."""
    _defined(value)
    if type(value) is not str:
        raise UnsafeValueError(f"{value!r} is not text")
    return Code(_one_word(value))


def only_code(value: Any) -> Code:
    """Refuses to print a value that no filter has passed."""
    _defined(value)
    if type(value) is not Code:
        raise UnsafeValueError(f"{value!r} is printed without | literal or | word")
    return value


def _one_word(text: str) -> str:
    if len(text) > LONGEST or not WORD.fullmatch(text):
        raise UnsafeValueError(
            f"{text[:LONGEST]!r} is not a word of A-Z a-z 0-9 _ . + - that begins with a letter "
            f"or digit, at most {LONGEST} long"
        )
    return text


def _defined(value: Any) -> None:
    if isinstance(value, Undefined):
        str(value)  # StrictUndefined raises UndefinedError here, with the variable's name
