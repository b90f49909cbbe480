"""docs/instruments.md is made from the instruments and their legends."""

import inspect
from pathlib import Path

import pytest

from nas.diagnose.examining import instrument
from nas.diagnose.explaining import OF_TIMES, OTHER_WORK, legend
from nas.diagnose.legends.base import Figure, matches
from nas.registry import INSTRUMENTS

PAGE = Path(__file__).parents[2] / "docs" / "instruments.md"
HEAD = """\
# Instruments: what `nas diagnose` finds

Made from `nas/diagnose/instruments` and `nas/diagnose/legends`:
`pytest tests/docs --regenerate-golden`.

`nas diagnose best` applies every instrument to a candidate whose weights are kept
(`nas search --keep-weights all`), and `nas diagnose best --only routing,oracle` these two. On a CPU
`latency` takes about a minute a candidate and needs an idle machine; `curvature` and `surface` take
minutes, the others seconds.

On screen are the figures to read first, in **bold** below, with their titles. Shares are printed in
percent, differences of shares in percentage points, intervals as [low, high], and quartiles as
lower / median / upper. `nas report diagnose -f csv` has every figure by its name, as it was
recorded, in the unit given here. `{split}` is `train`, `val` or `test`; `{layer}` a layer that
routes, of a mixture `gate`; `{way}` `guarded` or `unguarded`."""
TIMES = """\
## Every instrument that measures times

Recorded with the figures of `latency`, so that times of a busy machine can be told from others."""


def page() -> str:
    """The page's text."""
    parts = [HEAD]
    for name in INSTRUMENTS.names():
        known = legend(name)
        assert known is not None
        parts.append(f"## {name}\n\n{inspect.getdoc(instrument(name))}")
        parts.append(f"Figures. {inspect.getdoc(known)}")
        parts.append(_table(known.figures, known.headlines))
        parts += [f"Source: {known.source}"] if known.source else []
    return "\n\n".join([*parts, TIMES, _table(OF_TIMES, (OTHER_WORK,))]) + "\n"


def _table(figures: tuple[Figure, ...], headlines: tuple[str, ...]) -> str:
    lines = ["| figure | title | unit | meaning |", "|---|---|---|---|"]
    for figure in figures:
        name = f"`{figure.name}`"
        title = figure.title.replace(", {split}", "")
        first = any(matches([figure.name], headline) for headline in headlines)
        cells = (f"**{name}**" if first else name, title, figure.unit)
        lines.append("| " + " | ".join(map(_cell, (*cells, figure.meaning))) + " |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def test_the_page_is_made_from_the_legends(pytestconfig: pytest.Config) -> None:
    if pytestconfig.getoption("--regenerate-golden"):
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()
