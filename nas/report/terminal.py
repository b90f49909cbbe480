"""The terminal: everything that is shown on one goes through here, and none of it steers it."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from nas.schema.visible import visible


class Terminal(Console):
    """A console to which brackets, colons and escape sequences in a text are text.

    Colours come from `rich.text.Text` with a style, never from markup in a string.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As Console's, which all that is printed passes; its own control codes alone are kept."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(visible(segment.text, lines=True), segment.style)
