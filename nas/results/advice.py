"""A campaign's advice as constraints on the draws of another campaign or phase."""

from nas.ledger import Ledger
from nas.results.tables import table
from nas.schema import DrawConstraints, ProblemError


def recommended(ledger: Ledger, campaign: str | None = None) -> DrawConstraints:
    """Drops the families that `family_yield` drops, and prefers those significantly better than
    average.

    Families that are merely not worse are not preferred: undecided ones would get too few draws.
    Raises ProblemError if there is nothing to drop or prefer.
    """
    rows = table("family_yield", ledger, campaign)
    better = (rows["advice"] == "keep") & (rows["effect_low"] > 0)
    drop = tuple(sorted(rows.loc[rows["advice"] == "drop", "family"]))
    prefer = tuple(sorted(rows.loc[better, "family"]))
    if not drop and not prefer:
        raise ProblemError(
            "the report recommends nothing yet: no family is significantly better or worse than the"
            " average family",
            where=ledger.campaign(campaign).name,
            fix="continue the campaign; `nas report family_yield` estimates the draws it needs",
        )
    return DrawConstraints(drop=drop, prefer=prefer)
