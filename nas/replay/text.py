"""Prints a comparison as a table and as JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from nas.replay import published as p
from nas.replay.airnet import BLACKLIST_FROM, FAILURE
from nas.replay.compare import REPLAYS, Comparison, Row, Spread
from nas.replay.figures import Unit
from nas.replay.simulated_nas import BENCH_AFTER
from nas.stats import AuditResult

if TYPE_CHECKING:
    import pandas as pd

FITTED = {
    "first batch whose failures are blacklisted": BLACKLIST_FROM + 1,
    f"chance that a candidate without {p.HEAVY} fails": FAILURE,
}
"""Parameters fitted to the successes and different quartets (`nas.replay.airnet.fit`)."""
ASSUMPTIONS = {
    "order": "every batch takes the first quartets, in the order of itertools.combinations, that"
    " are stored neither as a success nor on the blacklist; a failure is not stored",
    "collisions": "nine pairs of families define a helper class of the same name in LEMUR's public"
    " files, and a quartet with such a pair is skipped: "
    + ", ".join(f"{a} and {b}" for a, b in p.COLLIDING),
    "memory": f"{p.HEAVY} keeps 17.4 GiB at batch 32 on a card with 24: with it an attempt succeeds"
    f" with the published rate of {100 * p.HEAVY_SUCCESS:.1f} %, and nas's profile refuses it",
    "partners": f"which quartets with {p.HEAVY} were retried is not published, nor is the memory"
    " of the others, so here they are alike; but the published rates leave ShuffleNet,"
    " MobileNetV3 and ResNet only 3 failures each, so attempts and success rates of single"
    " families cannot be reproduced",
    "blacklist": "when and why a quartet was blacklisted is not published: here every quartet that"
    " fails from one batch on is",
    "time": f"every candidate that runs takes {p.SECONDS / 60:.1f} minutes, 28 days divided by"
    f" {p.RUN:,}: the published totals do not separate successes from failures",
    "nas": f"fails as often without {p.HEAVY}, tries no candidate twice, excludes a family after"
    f" {BENCH_AFTER} failures in a row, and trains each family once alone, charged like a"
    " whole candidate",
}


def plain(comparison: Comparison) -> dict[str, Any]:
    """The output of `--json`: `inputs`, `fitted`, `assumptions`, `checks`, `rows` and `audit`."""
    rows = [_plain(row) for row in comparison.rows]
    return {
        "seed": comparison.seed,
        "replays": REPLAYS,
        "campaigns_with_nas": comparison.seeds,
        "inputs": {
            row["figure"]: row["published"] for row in rows if row["role"] in ("input", "fitted")
        },
        "fitted": FITTED,
        "assumptions": ASSUMPTIONS,
        "checks": [row for row in rows if row["role"] == "check"],
        "rows": rows,
        "audit": {
            name: [
                {"verdict": v.verdict, "flagged_at": v.flagged_at, "why": v.why} for v in verdicts
            ]
            for name, verdicts in zip(("replayed", "with_nas"), comparison.audits, strict=True)
        },
    }


def table(comparison: Comparison) -> "pd.DataFrame":
    """One row per figure, as text, and one for the audit."""
    import pandas as pd

    rows = [
        {
            "figure": row.figure.name,
            "published": _cell(row.figure.published, row.figure.unit),
            "replayed": _cell(row.replayed, row.figure.unit),
            "with_nas": _cell(row.with_nas, row.figure.unit),
            "check": _check(row),
        }
        for row in comparison.rows
    ]
    there, here = comparison.audits
    rows.append(
        {
            "figure": "audit of the draw",
            "published": "none",
            "replayed": _audit(there),
            "with_nas": _audit(here),
            "check": None,
        }
    )
    return pd.DataFrame(rows)


def note(comparison: Comparison) -> str:
    """The note below the table."""
    return (
        f"means of {REPLAYS} replays and of {comparison.seeds} campaigns with nas, in brackets the"
        " range of 95 % of them; check: how the replay uses a figure, or whether the published"
        " one is within the replays' range, and how far their mean is off"
    )


def remarks(comparison: Comparison) -> list[str]:
    """The audits' results, the fitted parameters and the assumptions, one line each."""
    there, here = (verdicts[0].line for verdicts in comparison.audits)
    fitted = "; ".join(f"{name}, {value:g}" for name, value in FITTED.items())
    return [
        f"audit, first replay: {there}",
        f"audit, first campaign with nas: {here}",
        f"fitted: {fitted}",
        *(f"{name}: {words}" for name, words in ASSUMPTIONS.items()),
    ]


def _plain(row: Row) -> dict[str, Any]:
    def numbers(spread: Spread | None) -> dict[str, float] | None:
        return asdict(spread) if spread else None

    return {
        "figure": row.figure.name,
        "role": row.figure.role,
        "published": row.figure.published,
        "replayed": numbers(row.replayed),
        "with_nas": numbers(row.with_nas),
        "off_by": row.off_by,
        "met": row.met,
    }


def _cell(value: float | Spread | None, unit: Unit) -> str | None:
    if not isinstance(value, Spread):
        return None if value is None else _number(value, unit)
    mean, low, high = (_number(x, unit) for x in (value.mean, value.low, value.high))
    if low == mean == high:
        return mean
    return f"{mean.removesuffix(' %')} ({low.removesuffix(' %')}–{high})"


def _number(value: float, unit: Unit) -> str:
    if unit == "share":
        return f"{100 * value:.1f} %"
    return f"{value:,.0f}" if unit == "count" else f"{value:.1f}"


def _check(row: Row) -> str | None:
    """How the replay uses a figure or, for a check, how close it came."""
    if row.met is None or row.off_by is None:
        return row.figure.role or None
    if row.met and abs(row.off_by) < 0.005:
        return "met"
    return f"{'within' if row.met else 'off'} {100 * row.off_by:+.0f} %"


def _audit(verdicts: tuple[AuditResult, ...]) -> str:
    words = {f"{v.verdict} at draw {v.flagged_at}" if v.flagged_at else v.verdict for v in verdicts}
    return ", ".join(sorted(words))
