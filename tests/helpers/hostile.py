"""Text that would do something where it is not taken for text."""

import unicodedata

CONTROLS = "\x1b[2J\x1b]0;owned\x07\x1b]8;;http://x.invalid\x07\x9b31m\x85\r\x7f\x00\u202e\u2066\u200b\u2028\ufeff"
"""Of a terminal, C0, C1 and DEL; bidi controls, a zero-width space, a line separator."""
MARKUP = "[red]x[/red] [/] [link=http://x.invalid]l[/link] :smile:"
"""Of Rich."""
FORMATS = "</script><b>|`a`|*b*_c_ ![i](http://x.invalid) <http://x.invalid> $m$ &lt;"
"""Of HTML and Markdown."""
HOSTILE = f"=1 {MARKUP} {FORMATS} {CONTROLS}"


def hidden(text: str) -> set[str]:
    """Characters of a text that have no shape of their own, newlines apart."""
    return {
        character
        for character in text
        if character != "\n" and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    }
