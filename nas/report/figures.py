"""`nas report --figures`: the page's figures as SVG and PDF files, for a paper or a slide.

matplotlib draws them from `page_data`, so they show the same values as the page.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nas.files import write_output
from nas.ledger.output_paths import check_output

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FORMATS = ("svg", "pdf")
BLUE, ORANGE, GREY = "#0067a5", "#c75400", "#5a6169"
"""Above zero, below zero, neither: distinguishable in grey and by colour-blind readers."""
WIDTH, ROW = 6.0, 0.24
"""Width of a figure and height of each row of names, in inches."""
PANELS = 3
"""Panels beside each other, of a figure that has several."""
MATRICES = 24
"""Maximum number of matrices in a figure."""
LONGEST = 30
"""Maximum length of a name at an axis, in characters."""
VARIANT = 44
"""That of a variant's name, which holds its settings."""
FALSE_FINDS = 0.05
"""q-value up to which a synergy's marker is filled."""
_STYLE = {
    "font.size": 9,
    "svg.hashsalt": "nas",  # the same data give the same bytes
    "svg.fonttype": "none",  # text is stored as text, not as paths
    "pdf.fonttype": 42,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,  # a family's name is text
}
Section = Mapping[str, Any]
Draw = Callable[[Section, "Axes"], None]


class Empty(Exception):  # noqa: N818 - not an error
    """There is nothing to draw; the message gives the reason."""


def figures(data: Mapping[str, Any], folder: Path) -> Iterator[tuple[str, list[Path] | str]]:
    """Writes each figure of `page_data` into a folder. Yields its name with its files, or with a
    sentence that gives the reason if there is no figure. Raises OSError if writing fails, and
    UsageError for a file that belongs to a ledger."""
    import matplotlib
    from matplotlib.figure import Figure

    for name, (section, draw) in _FIGURES.items():
        found = data["sections"].get(section) if data["campaign"] else None
        if found is None and data["campaign"]:  # arms of a campaign of families, or the reverse
            continue
        if found is None or "problem" in found:
            yield name, found["problem"] if found else "This campaign has no such figure."
            continue
        with matplotlib.rc_context({**matplotlib.rcParamsDefault, **_STYLE}):
            figure = Figure(figsize=(WIDTH, 3.6), layout="constrained")
            try:
                draw(found, figure.add_subplot())
            except Empty as reason:
                yield name, str(reason)
                continue
            paths = [folder / f"{name}.{form}" for form in FORMATS]
            for path, form in zip(paths, FORMATS, strict=True):
                drawn = BytesIO()
                dated = {"CreationDate" if form == "pdf" else "Date": None}
                figure.savefig(drawn, format=form, metadata=dated)
                check_output(path)
                write_output(path, drawn.getvalue())
        yield name, paths


def _percent(values: Sequence[float | None]) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Shares as percent, NaN where missing."""
    return 100 * np.array(values, dtype=np.float64)


def _short(names: Sequence[str], longest: int = LONGEST) -> list[str]:
    return [name if len(name) <= longest else f"{name[: longest - 1]}…" for name in names]


def _forest(axes: "Axes", names: Sequence[str], values: Section, stem: str, found: Any) -> None:
    """Draws estimates with their intervals, the first on top. `found`: by row, whether it is
    coloured."""
    x, low, high = (_percent(values[f"{stem}{end}"]) for end in ("", "_low", "_high"))
    axes.axvline(0, color=GREY, linewidth=0.8)
    for row in range(len(names)):
        color = GREY if not found[row] else BLUE if x[row] > 0 else ORANGE
        face = color if found[row] else "white"
        bars = [[x[row] - low[row]], [high[row] - x[row]]]
        axes.errorbar(
            x[row], row, xerr=bars, fmt="o", color=color, mfc=face, markersize=5, elinewidth=1
        )
    axes.set_yticks(range(len(names)), _short(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    _grow(axes, len(names))


def _grow(axes: "Axes", rows: int) -> None:
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.set_size_inches(WIDTH, 0.9 + ROW * max(rows, 4))


def _effects(section: Section, axes: "Axes") -> None:
    values = section["effects"]["values"]
    if not values["family"]:
        raise Empty("No family’s effect can be estimated yet.")
    ends = zip(values["effect_low"], values["effect_high"], strict=True)
    _forest(axes, values["family"], values, "effect", [low > 0 or high < 0 for low, high in ends])
    axes.set_xlabel("effect on validation accuracy, percentage points (95 % interval)")


def _arms(section: Section, axes: "Axes") -> None:
    values = section["effects"]["values"]
    if not values["family"]:
        raise Empty("An interval needs two runs of each variant, and three of an arm with one.")
    ends = zip(values["effect_low"], values["effect_high"], strict=True)
    _forest(axes, values["family"], values, "effect", [low > 0 or high < 0 for low, high in ends])
    axes.set_xlabel(f"against {section['reference']}, percentage points (95 % interval)")


def _arm_effects(section: Section, axes: "Axes") -> None:
    values = section["table"]["values"]
    known = [n for n, low in enumerate(values["change_val_acc_low"]) if low is not None]
    if not known:
        raise Empty("No setting’s effect has an interval.")
    some = {name: [column[n] for n in known] for name, column in values.items()}
    named = zip(some["arm"], some["setting"], some["step"], strict=True)
    ends = zip(some["change_val_acc_low"], some["change_val_acc_high"], strict=True)
    _forest(
        axes,
        [f"{arm}: {setting.split('.')[-1]} {step}" for arm, setting, step in named],
        some,
        "change_val_acc",
        [low > 0 or high < 0 for low, high in ends],
    )
    axes.set_xlabel("change of validation accuracy, percentage points (95 % interval)")


def _routing(section: Section, axes: "Axes") -> None:
    group = next(iter(section["use"].values()), None)
    if group is None:
        raise Empty("This was not measured.")
    values, shares = group["table"]["values"], group["shares"]
    names = [section["names"][name] for name in values["name"]]
    for row, mine in enumerate(shares):
        ends = np.cumsum([0, *_percent(mine)])
        busy = [ORANGE if share > 2 * values["even"][row] else BLUE for share in mine]
        axes.barh(row, np.diff(ends), left=ends[:-1], color=busy, edgecolor="white", linewidth=0.5)
        if dead := values["dead"][row]:
            axes.text(101, row, f"{dead:.3g} dead", va="center", color=ORANGE)
    axes.set_yticks(range(len(names)), _short(names, VARIANT))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of the kept tokens, %, from the busiest expert to the least used")
    _grow(axes, len(names))


def _panels(axes: "Axes", names: Sequence[str], height: float, **shared: Any) -> "list[Axes]":
    """A panel with a title for each name in place of one, `height` in inches."""
    if not names:
        raise Empty("This was not measured.")
    figure = axes.get_figure(root=True)
    assert figure is not None
    axes.remove()
    deep = -(-len(names) // PANELS)
    figure.set_size_inches(WIDTH, 0.7 + height * deep)
    panels = figure.subplots(deep, PANELS, squeeze=False, **shared)
    for panel in panels.flat[len(names) :]:
        panel.set_axis_off()
    made: list[Axes] = list(panels.flat[: len(names)])
    for name, panel in zip(names, made, strict=True):
        panel.set_title(_short([name], VARIANT)[0], fontsize=7)
    return made


def _by_epoch(panels: "Sequence[Axes]") -> None:
    """Epochs below the last panel of each column."""
    from matplotlib.ticker import MaxNLocator

    for place, panel in enumerate(panels):
        panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        panel.tick_params(labelbottom=place + PANELS >= len(panels))
    figure = panels[0].get_figure(root=True)
    assert figure is not None
    figure.supxlabel("epoch", fontsize=9)


def _routing_epochs(section: Section, axes: "Axes") -> None:
    values = section["epochs"]["values"]
    names = list(dict.fromkeys(values["name"]))
    titles = [section["names"].get(name, name) for name in names]
    panels = _panels(axes, titles, 1.4, sharex=True, sharey=True)
    for name, panel in zip(names, panels, strict=True):
        mine = [n for n, other in enumerate(values["name"]) if other == name]
        for stem, called, color in (
            ("entropy_norm", "load entropy", BLUE),
            ("spec_entropy", "router entropy", ORANGE),
        ):
            for split, style in (("val", "-"), ("train", ":")):
                y = np.array([values[f"{stem}_{split}"][n] for n in mine], dtype=np.float64)
                panel.plot(
                    [values["epoch"][n] for n in mine], y, style, color=color,
                    label=called if split == "val" else f"{called}, training",
                    marker="o" if len(mine) == 1 else "", markersize=3,
                )  # fmt: skip
        panel.set_ylim(-0.03, 1.03)
    _by_epoch(panels)
    _legend(panels[0])


def _legend(panel: "Axes") -> None:
    figure = panel.get_figure(root=True)
    assert figure is not None
    handles = panel.get_legend_handles_labels()
    figure.legend(*handles, loc="outside upper left", ncols=2, frameon=False, fontsize=8)


def _growth(section: Section, axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    lines = [line for line in section["lines"] if any(n is not None for n in line["experts"])]
    if not lines:
        why = "trained yet" if not section["lines"] else "recorded with its number of experts"
        raise Empty(f"No network that can grow is {why}.")
    names = list(dict.fromkeys(line["name"] for line in lines))
    titles = [section["names"].get(name, name) for name in names]
    panels = _panels(axes, titles, 1.4, sharex=True, sharey=True)
    for line in lines:
        panel = panels[names.index(line["name"])]
        experts = np.array(line["experts"], dtype=np.float64)
        epoch, grew = np.array(line["epoch"]), np.array(line["grew"], dtype=bool)
        panel.step(epoch, experts, where="post", color=BLUE, linewidth=1, alpha=0.7)
        panel.plot(epoch[grew], experts[grew], "D", color=ORANGE, markersize=2.5)
    panels[0].yaxis.set_major_locator(MaxNLocator(4, integer=True))
    panels[0].set_ylim(bottom=0)
    figure = panels[0].get_figure(root=True)
    assert figure is not None
    figure.supylabel("experts (marks: growths)", fontsize=9)
    _by_epoch(panels)


def _routing_matrix(section: Section, axes: "Axes") -> None:
    values = section["matrix"]["values"]
    names = list(dict.fromkeys(values["variant"]))[:MATRICES]
    if not names:
        raise Empty("No phase has ended yet.")
    tall, wide = (1 + max(values[name]) for name in ("domain", "expert"))
    titles = [section["names"].get(name, name) for name in names]
    panels = _panels(axes, titles, max(1.4, 0.6 + 0.18 * tall))
    for name, panel in zip(names, panels, strict=True):
        grid = np.full((tall, wide), np.nan)
        for n in (n for n, other in enumerate(values["variant"]) if other == name):
            d, e, share = (values[column][n] for column in ("domain", "expert", "sent_share"))
            grid[d, e] = np.nan if share is None else 100 * share
            if share is not None and wide <= 8:
                color = "white" if share > 0.6 else "black"
                text = f"{100 * share:.0f}"
                panel.text(e, d, text, ha="center", va="center", color=color, fontsize=6)
        panel.imshow(grid, cmap="Blues", vmin=0, vmax=100, aspect="auto")
        panel.set_xticks(range(0, wide, -(-wide // 8)))
        panel.set_yticks(range(0, tall, -(-tall // 8)))
        panel.tick_params(labelsize=7)
    figure = panels[0].get_figure(root=True)
    assert figure is not None
    figure.supxlabel("expert", fontsize=9)
    figure.supylabel("domain (cells: share of its images, %)", fontsize=9)


def _synergies(section: Section, axes: "Axes") -> None:
    values = section["synergies"]["values"]
    if not values["family_a"]:
        raise Empty("No synergy can be estimated yet.")
    names = [f"{a} + {b}" for a, b in zip(values["family_a"], values["family_b"], strict=True)]
    found = [q is not None and q <= FALSE_FINDS for q in values["q_value"]]
    _forest(axes, names, values, "synergy", found)
    axes.set_xlabel("synergy, percentage points (95 % interval; filled: q ≤ 0.05)")


def _pairs(section: Section, axes: "Axes") -> None:
    names, values = section["families"], section["table"]["values"]
    place = {name: n for n, name in enumerate(names)}
    grid = np.full((len(names), len(names)), np.nan)
    for a, b, synergy in zip(
        values["family_a"], values["family_b"], _percent(values["synergy"]), strict=True
    ):
        grid[place[a], place[b]] = grid[place[b], place[a]] = synergy
    if np.isnan(grid).all():
        raise Empty("No synergy can be estimated yet.")
    most = float(np.nanmax(np.abs(grid))) or 1.0
    image = axes.imshow(grid, cmap="RdBu", vmin=-most, vmax=most)
    axes.set_xticks(range(len(names)), _short(names), rotation=90)
    axes.set_yticks(range(len(names)), _short(names))
    figure = axes.get_figure(root=True)
    assert figure is not None
    side = max(4.5, 2.5 + 0.2 * len(names))
    figure.set_size_inches(side + 1.2, side)
    figure.colorbar(image, ax=axes, label="synergy, percentage points", shrink=0.7)


def _costs(section: Section, axes: "Axes") -> None:
    from matplotlib.ticker import EngFormatter, NullFormatter

    values, best = section["table"]["values"], section["front"]["params"]
    cost = np.array(values["params"], dtype=np.float64)
    accuracy = _percent(values["val_acc"])
    if np.isnan(cost).all():
        raise Empty("No candidate with known parameters is trained yet.")
    axes.plot(cost, accuracy, "o", color=BLUE, alpha=0.4, markersize=3, label="trained")
    axes.step(
        cost[best], accuracy[best], "-D", where="post", color=ORANGE, markersize=4,
        label="Pareto front",
    )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("parameters")
    axes.set_ylabel("validation accuracy, %")
    axes.legend(frameon=False)


def _curves(section: Section, axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    lines = [line for line in section["lines"] if line["epoch"]]
    if not lines:
        raise Empty("No epoch has been recorded yet.")
    band = section["spread"]["values"]
    axes.fill_between(
        band["epoch"], _percent(band["low"]), _percent(band["high"]), color=BLUE, alpha=0.15,
        linewidth=0, label="middle 80 % of all",
    )  # fmt: skip
    for n, line in reversed(list(enumerate(lines))):
        axes.plot(
            line["epoch"], _percent(line["val_acc"]), color=BLUE if n == 0 else GREY,
            linewidth=1.6 if n == 0 else 0.7, alpha=1.0 if n == 0 else 0.5,
            label=f"best, #{line['number']}" if n == 0 else None,
        )  # fmt: skip
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("epoch")
    axes.set_ylabel("validation accuracy, %")
    axes.legend(frameon=False)


def _coverage(section: Section, axes: "Axes") -> None:
    values = section["draws"]["values"]
    if not any(values["draws"]):
        raise Empty("Nothing has been drawn yet.")
    axes.barh(range(len(values["family"])), values["draws"], color=BLUE)
    axes.set_yticks(range(len(values["family"])), _short(values["family"]))
    axes.invert_yaxis()
    if section["mean"] is not None:
        axes.axvline(section["mean"], color="black", linewidth=1, linestyle=":")
    axes.set_xlabel("draws (dotted: expected of fair draws)")
    _grow(axes, len(values["family"]))


_FIGURES: dict[str, tuple[str, Draw]] = {
    "effects": ("together", _effects),
    "arms": ("arms", _arms),
    "arm_effects": ("arm_effects", _arm_effects),
    "growth": ("growth", _growth),
    "routing_matrix": ("domains", _routing_matrix),
    "routing": ("routing", _routing),
    "routing_epochs": ("routing", _routing_epochs),
    "synergies": ("together", _synergies),
    "pairs": ("pairs", _pairs),
    "costs": ("costs", _costs),
    "curves": ("curves", _curves),
    "coverage": ("coverage", _coverage),
}
"""Each figure's name → the section of `page_data` it shows, and how it is drawn."""
NAMES = tuple(_FIGURES)
