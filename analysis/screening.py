"""Does the screen predict what training gives?

One row a predictor and a sample of trained candidates, for a campaign with `--from-screen`:
rank correlations with validation accuracy after training, with 95 % bootstrap intervals. A rank
correlation is 1 where both orders agree, 0 where they have nothing in common, −1 where they are
opposite. The sample `control` is of the candidates that the screen did not choose: drawn evenly
over the rest of the space, they show how well the predictor ranks it. `space` adds the chosen ones,
with weights that make both a sample of all mixtures with the score. Figures are missing below five
controls with the score: give `nas screen` a larger --top where only the best have it. With fewer
than five controls in all the table is empty. With `--by corrected`, a control is drawn from the
mixtures that had not been chosen by then.

predictor             a score of the screen; losses count with their sign reversed. Baselines are
                      the best member alone, parameters, MACs, latency, and two zero-cost proxies,
                      `grad_norm` and `naswot`, summed over the untrained members. `corrected` is a
                      ridge regression of trained accuracy on the screen's scores, families and
                      pairs, each candidate predicted by a fit without it
sample                control or space
kendall               Kendall's τ: pairs of candidates in the same order less those in the opposite
                      order, as a share of all pairs
kendall_low           its 95 % interval
kendall_high
spearman              Spearman's ρ: the correlation of the ranks
spearman_low          its 95 % interval
spearman_high
n                     number of candidates

The note gives the regret (the best of the chosen compared with the best of the controls) and what
both cost.
"""

import pandas as pd

from nas.ledger.screens import lower_is_better
from nas.registry import PROXIES
from nas.results import CampaignData
from nas.results.screen_validation import arms, summarize_screening, surrogate_scores
from nas.schema.scores import CORRECTED, PREDICTORS
from nas.stats.correlation import FEWEST, rank_correlations

COLUMNS = {
    **dict.fromkeys(("predictor", "sample"), "object"),
    **dict.fromkeys(("kendall", "kendall_low", "kendall_high"), "float"),
    **dict.fromkeys(("spearman", "spearman_low", "spearman_high"), "float"),
    "n": "int",
}
EVERY = [*PREDICTORS, "macs", *PROXIES.names()]


def table(data: CampaignData) -> pd.DataFrame:
    trained = arms(data)
    scored = data.screened
    control = trained["arm"] == "control"
    if control.sum() < FEWEST:
        answer = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in COLUMNS.items()})
        answer.attrs["empty"] = _too_few(int(control.sum()))
        answer.attrs["note"] = summarize_screening(data, trained)
        return answer
    rows = []
    for name in [*EVERY, CORRECTED]:
        score = surrogate_scores(trained, scored) if name == CORRECTED else trained[name]
        score = -score if lower_is_better(name) else score
        total = int(scored[name].notna().sum()) if name in scored else len(scored)
        for sample, some in (("control", control), ("space", control | ~control)):
            known = some & score.notna()
            found = _correlations(score[known], trained[known], total)
            rows.append({"predictor": name, "sample": sample, **found})
    answer = pd.DataFrame(rows, columns=list(COLUMNS))
    answer = answer.sort_values(["sample", "kendall"], ascending=[True, False], kind="stable")
    answer = answer.reset_index(drop=True)
    answer.attrs["note"] = summarize_screening(data, trained)
    return answer


def _too_few(controls: int) -> str:
    are = "is 1" if controls == 1 else f"are {controls or 'none'}"
    return (
        f"How well the screen predicts cannot be estimated: that needs {FEWEST} controls trained to"
        f" the end, and there {are}; `nas search --from-screen {FEWEST}` or more trains so many."
    )


def _correlations(score: pd.Series, trained: pd.DataFrame, total: int) -> dict[str, float]:
    """The correlations for candidates drawn from `total` mixtures with the score."""
    control = trained["arm"] == "control"
    if control.sum() < FEWEST:
        return {"n": len(score)}
    weights = pd.Series(1.0, index=trained.index)
    if not control.all():
        weights[control] = (total - (~control).sum()) / control.sum()
    both = rank_correlations(score, trained["val_acc"], weights, trained["arm"])
    found: dict[str, float] = {"n": len(score)}
    for name, known in zip(("kendall", "spearman"), both, strict=True):
        found |= {name: known.estimate, f"{name}_low": known.low, f"{name}_high": known.high}
    return found
