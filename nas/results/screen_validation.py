"""A campaign that was drawn from a screen: its two arms, with the screen's scores."""

import numpy as np
import pandas as pd

from nas.ledger.records import ScreenRecord
from nas.ledger.screens import best_screened, known_of_all, screen_of
from nas.registry import PROXIES
from nas.results.aggregates import device_hours
from nas.results.campaign_tables import CampaignTables
from nas.sample.samplers.corrected import chosen_slot
from nas.schema import BankConfig, ProblemError
from nas.schema.scores import CORRECTED
from nas.stats.surrogate import cross_val_predict, predict


def arms(data: CampaignTables) -> pd.DataFrame:
    """One row a candidate that was trained to its end and learned something: `candidate`,
    `families`, `members`, `val_acc`, `macs`, `arm` (`chosen` or `control`), and what `with_scores`
    adds.

    Raises ProblemError for a campaign that was not drawn from a screen.
    """
    config = data.config
    if isinstance(config, BankConfig) or config.screen is None:
        raise ProblemError(
            "this campaign was not drawn from a screen",
            where=data.campaign,
            fix="begin one with `nas search --from-screen 20`",
        )
    ident = config.screen
    if data.screen not in (None, ident):
        raise ProblemError(
            f"{data.campaign} was drawn from screen {ident}, not {data.screen}",
            fix="leave out --screen",
        )
    rows = data.candidates
    rows = rows[rows["role"] == "search"].sort_values("number")
    if config.by == CORRECTED:
        scored = rows["members"].isin(data.screened["members"])
        slot = rows["number"].map(lambda number: chosen_slot(number, config.top))
        chosen = slot & scored & ~rows["members"].duplicated()
    else:
        best = best_screened(data.ledger, ident, config.by, config.top)
        chosen = rows["members"].isin([members for _, members in best])
    rows = rows.assign(arm=np.where(chosen, "chosen", "control"))
    lost = rows["candidate"].map(data.collapsed).eq(True)
    rows = rows[(rows["outcome"] == "ok") & ~lost]
    # Their names in the ledger, `gate_<name>`, may be those of scores.
    choices = {n: f"choice {n.removeprefix('gate_')}" for n in rows.columns if n[:5] == "gate_"}
    rows = rows[["candidate", "families", "members", "val_acc", "macs", *choices, "arm"]]
    return with_scores(rows.rename(columns=choices), data.screened, screen_of(data.ledger, ident))


def with_scores(rows: pd.DataFrame, scored: pd.DataFrame, screen: ScreenRecord) -> pd.DataFrame:
    """Rows that name their `members`, with a screen's scores of them and zero-cost proxies: those
    of the members, each before its training, added up."""
    rows = rows.merge(scored.drop(columns=["families"]), on="members", how="left")
    known = {e.model: e.proxies for e in screen.experts}
    for proxy in PROXIES.names():
        rows[proxy] = [
            sum(known.get(model, {}).get(proxy, np.nan) for model in members.split("+"))
            for members in rows["members"]
        ]
    return rows


def surrogate_scores(trained: pd.DataFrame, scored: pd.DataFrame) -> "pd.Series[float]":
    """The accuracy predicted for each row of `arms` from all the others: see
    `nas.stats.surrogate.cross_val_predict`."""
    scores = known_of_all(scored)
    known = trained[trained[scores].notna().all(axis=1)]  # others were not screened
    return cross_val_predict(known, scores, _settings(trained)).reindex(trained.index)


def predict_all(trained: pd.DataFrame, scored: pd.DataFrame) -> "pd.Series[float]":
    """The accuracy that a fit to `arms` predicts for all scored mixtures: see
    `nas.stats.surrogate.predict`."""
    scores = known_of_all(scored)
    known = trained[trained[scores].notna().all(axis=1)]
    return predict(known, scored, scores, _settings(trained))


def _settings(trained: pd.DataFrame) -> list[str]:
    return [name for name in trained.columns if name.startswith("choice ")]


def summarize_screening(data: CampaignTables, trained: pd.DataFrame) -> str:
    """The regret and the costs, in words."""
    screen = data.screened_by
    chosen = trained.loc[trained["arm"] == "chosen", "val_acc"]
    control = trained.loc[trained["arm"] == "control", "val_acc"]
    bank = sum(expert.seconds for expert in screen.experts)
    by = getattr(data.config, "by", "")
    parts = [f"{len(chosen)} chosen by {by} and {len(control)} controls"]
    if len(chosen) and len(control):
        best, other = chosen.max(), control.max()
        parts.append(
            f"best validation {100 * best:.2f} % against {100 * other:.2f} %, mean"
            f" {100 * chosen.mean():.2f} % against {100 * control.mean():.2f} %"
        )
    hours = device_hours(data).reindex(trained["candidate"])
    each = 3600 * float(hours.mean()) if len(hours) else float("nan")
    per_mixture = screen.seconds / max(1, len(data.screened))
    parts.append(
        f"a candidate took {each:.1f} s to train, and {1000 * per_mixture:.1f} ms to score after"
        f" {bank:.0f} s for the bank's experts"
    )
    if len(chosen) and each > 0:
        instead = len(chosen) + round((bank + screen.seconds) / each)
        parts.append(
            f"in the time of bank, screen and these {len(chosen)}, {instead:,} random candidates"
            " could have been trained"
        )
    return "; ".join(parts)
