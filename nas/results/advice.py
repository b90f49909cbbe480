"""A campaign's recommendations, as a plan that another campaign or phase can take up."""

from nas.ledger import Ledger
from nas.results.tables import table
from nas.schema import DrawConstraints, ProblemError


def recommended(ledger: Ledger, campaign: str | None = None) -> DrawConstraints:
    """Drops what `family_yield` says to drop and prefers what is surely better than average.

    What is merely no worse is not preferred: that would starve the families that are undecided.
    Raises ProblemError where there is neither.
    """
    rows = table("family_yield", ledger, campaign)
    better = (rows["advice"] == "keep") & (rows["effect_low"] > 0)
    drop = tuple(sorted(rows.loc[rows["advice"] == "drop", "family"]))
    prefer = tuple(sorted(rows.loc[better, "family"]))
    if not drop and not prefer:
        raise ProblemError(
            "the report recommends nothing yet: no family is surely better or worse than others",
            where=ledger.campaign(campaign).name,
            fix="let the campaign go on first; `nas report family_yield` says which draws it lacks",
        )
    return DrawConstraints(drop=drop, prefer=prefer)
