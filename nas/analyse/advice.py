"""A campaign's recommendations, as a plan that another campaign or phase can take up."""

from nas.analyse.tables import table
from nas.ledger import Ledger
from nas.spec import Plan, ProblemError


def recommended(ledger: Ledger, campaign: str | None = None) -> Plan:
    """Drops what `family_yield` says to drop and prefers what it says to keep.

    Raises ProblemError where it says neither of any family.
    """
    rows = table("family_yield", ledger, campaign)
    drop, keep = (
        tuple(sorted(rows.loc[rows["advice"] == verdict, "family"])) for verdict in ("drop", "keep")
    )
    if not drop and not keep:
        raise ProblemError(
            "the report recommends nothing yet: every family needs more draws",
            where=ledger.campaign(campaign).name,
            fix="let the campaign go on first; `nas plan --like` says for how long",
        )
    # Where all that stay are preferred, none is.
    return Plan(drop=drop, prefer=keep if len(drop) + len(keep) < len(rows) else ())
