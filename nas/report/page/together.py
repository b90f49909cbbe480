"""Which families do better together: the page's first sentences and its two first figures."""

from typing import Any

import pandas as pd

from nas.report.page.families import yields
from nas.report.page.pairs import need_pairs
from nas.report.page.serialize import Column, table
from nas.report.page.snapshot import Snapshot

FALSE_FINDS = 0.05
"""q-value up to which a synergy counts as significant."""
EFFECTS = 16
"""Maximum number of families in the figure: half of them the best, half the worst."""
SYNERGIES = 8
"""Maximum number of pairs in the figure."""
NAMED = 4
"""Number of families or pairs that a sentence names; the others are counted."""
_EFFECTS = (
    Column("family", "Family", "text"),
    Column("effect", "Effect", "points", "against the average family, adjusted for its partners"),
    Column("effect_low", "95 % low", "points"),
    Column("effect_high", "95 % high", "points"),
    Column("draws", "Draws", "int"),
)
_SYNERGIES = (
    Column("family_a", "Family", "text"),
    Column("family_b", "with", "text"),
    Column("synergy", "Synergy", "points", "beyond the sum of the two families' effects"),
    Column("synergy_low", "95 % low", "points"),
    Column("synergy_high", "95 % high", "points"),
    Column("q_value", "q", "probability", "Benjamini–Hochberg: expected share of false finds"),
    Column("together", "Candidates", "int", "with both families"),
)


def together(ledger: Snapshot, campaign: str) -> dict[str, Any] | None:
    """`pairs` and `families`: a sentence each; `caution`: a reason to doubt them, or empty;
    `effects` and `synergies`: tables; `left_out`: number of families with an effect that are not in
    the table.

    None for a space without families.
    """
    if ledger.campaign(campaign).space.experts is None:
        return None
    rows = yields(ledger, campaign)
    effects = rows.dropna(subset=["effect"]).sort_values("effect", ascending=False, kind="stable")
    pairs = need_pairs(ledger.table("cooccurrence", campaign))
    known = pairs.dropna(subset=["synergy"])
    strongest = known.assign(size=known["synergy"].abs())
    strongest = strongest.sort_values(["q_value", "size"], ascending=[True, False], kind="stable")
    shown = extremes(effects)
    return {
        "pairs": about_pairs(known, len(pairs)),
        "families": about_effects(effects),
        "caution": _caution(ledger, campaign),
        "effects": table(shown, _EFFECTS, "family_yield"),
        "synergies": table(strongest.head(SYNERGIES), _SYNERGIES, "cooccurrence"),
        "left_out": len(effects) - len(shown),
    }


def extremes(effects: pd.DataFrame) -> pd.DataFrame:
    """The rows, best first; of more than EFFECTS only the best and the worst half of EFFECTS."""
    if len(effects) <= EFFECTS:
        return effects
    return pd.concat([effects.head(EFFECTS // 2), effects.tail(EFFECTS // 2)])


def about_pairs(known: pd.DataFrame, total: int) -> str:
    """A sentence about the pairs with a significant synergy. `known`: the rows with a synergy, of
    `total` pairs."""
    if not total:
        return "Each candidate holds one family, so no pairs can be compared."
    if known.empty:
        return (
            "No pair can be judged yet: a synergy needs at least five trained candidates that hold"
            " both families."
        )
    found = known[known["q_value"] <= FALSE_FINDS].sort_values("q_value", kind="stable")
    better, worse = found[found["synergy"] > 0], found[found["synergy"] < 0]
    if found.empty:
        return (
            f"No pair is shown to belong together: none of the {len(known):,} pairs that can be"
            f" judged has a synergy at a false discovery rate of {100 * FALSE_FINDS:.0f} %."
        )
    sentences = []
    if len(better):
        first, *others = better.itertuples()
        sentences.append(_belong(first))
        if others:
            sentences.append(f"So do {listed([_pair(row) for row in others], 'pairs')}.")
    if len(worse):
        names = [_pair(row) for row in worse.itertuples()]
        verb = "is" if len(names) == 1 else "are"
        sentences.append(f"{listed(names, 'pairs')} {verb} worse together than one by one.")
    return " ".join(sentences)


def about_effects(
    effects: pd.DataFrame, kind: str = "family", reference: str = "the average family"
) -> str:
    """A sentence about the families, or arms, whose interval excludes zero. `effects`: rows with an
    effect against `reference`, best first."""
    if effects.empty:
        return f"No {kind}’s effect can be estimated yet."
    better = effects[effects["effect_low"] > 0]
    worse = effects[effects["effect_high"] < 0].iloc[::-1]
    parts = [
        f"{side} than {reference}: {listed([_effect(row) for row in rows.itertuples()])}"
        for side, rows in (("better", better), ("worse", worse))
        if len(rows)
    ]
    if not parts:
        return (
            f"No {kind} is shown to be better or worse than {reference}: all {len(effects)}"
            " intervals include zero."
        )
    return f"In percentage points of validation accuracy, {'; '.join(parts)}."


def _caution(ledger: Snapshot, campaign: str) -> str:
    found = ledger.verdict(campaign)
    if found.verdict != "biased":
        return ""
    return f"The draws are biased ({found.why}), so these differences may come from them."


def listed(names: list[str], noun: str = "") -> str:
    """`a, b and 3 more`; a list of NAMED + 1 names is written in full."""
    if len(names) > NAMED + 1:
        names = [*names[:NAMED], f"{len(names) - NAMED} more {noun}".strip()]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _belong(row: Any) -> str:
    return (
        f"{row.family_a} and {row.family_b} belong together: the pair adds {points(row.synergy)}"
        " points beyond what its two families add one by one (95 % interval"
        f" {points(row.synergy_low)} to {points(row.synergy_high)}, q {_q(row.q_value)})."
    )


def _pair(row: Any) -> str:
    return f"{row.family_a} with {row.family_b} ({points(row.synergy)})"


def _effect(row: Any) -> str:
    return f"{row.family} ({points(row.effect)})"


def points(share: float) -> str:
    """A difference of shares in [0, 1] as percentage points with a sign."""
    return f"{100 * share:+.1f}".replace("-", "−")


def _q(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
