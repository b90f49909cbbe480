"""What a screen foretold of the candidates drawn from it, against what training gave them."""

from typing import Any

from nas.analyse.screened import arms, told
from nas.report.page.plain import Column, table
from nas.report.page.snapshot import Snapshot

SCORES = ("probe", "uniform", "gate", "oracle", "best_member")
"""Shares that the figure may set against training."""
_COLUMNS = (
    Column("number", "Draw", "number"),
    Column("families", "Families", "joined"),
    Column("arm", "Arm", "text", "chosen by the screen, or of the stratified control sample"),
    Column("val_acc", "Val", "percent", "after training"),
    Column("probe", "Probe", "percent", "a linear probe beside the average, fitted"),
    Column("uniform", "Average", "percent", "of the experts as the bank has them"),
    Column("gate", "Gate", "percent", "a fitted gate"),
    Column("oracle", "Oracle", "percent", "any expert is right"),
    Column("best_member", "Best member", "percent"),
    Column("key", "Key", "key"),
)
_RANKS = (
    Column("predictor", "Predictor", "text"),
    Column("sample", "Sample", "text", "the controls, or with the chosen the whole space"),
    Column("kendall", "Kendall’s τ", "float"),
    Column("kendall_low", "95 % from", "float"),
    Column("kendall_high", "to", "float"),
    Column("spearman", "Spearman’s ρ", "float"),
    Column("spearman_low", "95 % from", "float"),
    Column("spearman_high", "to", "float"),
    Column("n", "Candidates", "int"),
)


def screening(ledger: Snapshot, campaign: str, limit: int) -> dict[str, Any] | None:
    """`table`: the best `limit` candidates of those trained to their end, in the order of draws;
    `ranks`: the report `screening`; `note`.

    None for a campaign that was not drawn from a screen.
    """
    frames = ledger.frames(campaign)
    if frames.config.get("screen") is None:
        return None
    trained = arms(frames)
    drawn = frames.candidates.set_index("candidate")[["number", "key"]]
    rows = trained.join(drawn, on="candidate").nlargest(limit, "val_acc").sort_values("number")
    return {
        "table": table(rows, _COLUMNS, "screening"),
        "ranks": table(ledger.table("screening", campaign), _RANKS, "screening"),
        "note": told(frames, trained),
    }
