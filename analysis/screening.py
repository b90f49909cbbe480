"""Does the screen foretell what training gives?

One row a predictor and a sample of trained candidates, for a campaign begun with `--from-screen`:
rank correlations with validation accuracy after training, with 95 % bootstrap intervals. `control`
are the candidates that the screen did not choose: drawn level over the space, they say how well the
predictor ranks it. `all` adds the chosen ones, whose narrow range lowers correlations.

predictor             a score of the screen; of losses less is better. As baselines its best member
                      alone, parameters, MACs, latency, and two zero-cost proxies, `grad_norm` and
                      `naswot`, of its untrained members, added up: of all of them more is better.
                      `corrected` is a ridge regression of trained accuracy on the screen's scores,
                      families and pairs, each candidate foretold by a fit without it
sample                control or all
kendall               Kendall's τ
kendall_low           its interval
kendall_high
spearman              Spearman's ρ
spearman_low
spearman_high
n                     candidates

The note gives the regret, best of the chosen against best of the controls, and what both cost.
"""

import numpy as np
import pandas as pd

from nas.analyse import Frames
from nas.analyse.screened import PROXIES, arms, corrected, told
from nas.ledger.screens import SCORES, ascends

COLUMNS = [
    *("predictor", "sample", "kendall", "kendall_low", "kendall_high", "spearman"),
    *("spearman_low", "spearman_high", "n"),
]
PREDICTORS = [*(name for name in SCORES if not name.endswith("_test")), "macs", *PROXIES]


def table(frames: Frames) -> pd.DataFrame:
    trained = arms(frames)
    rows = []
    for name in [*PREDICTORS, "corrected"]:
        score = corrected(trained) if name == "corrected" else trained[name]
        score = -score if ascends(name) else score
        for sample, some in (
            ("control", trained["arm"] == "control"),
            ("all", trained["arm"] != ""),
        ):
            known = some & score.notna()
            rows.append(
                {
                    "predictor": name,
                    "sample": sample,
                    **_correlations(score[known], trained.loc[known, "val_acc"]),
                }
            )
    answer = pd.DataFrame(rows, columns=COLUMNS)
    answer = answer.sort_values(["sample", "kendall"], ascending=[False, False], kind="stable")
    answer = answer.reset_index(drop=True)
    answer.attrs["note"] = told(frames, trained)
    return answer


def _correlations(score: pd.Series, value: pd.Series) -> dict[str, float]:
    """Missing below five candidates, and where a side does not vary."""
    from scipy import stats

    found: dict[str, float] = {"n": len(score)}
    if len(score) < 5 or score.nunique() < 2 or value.nunique() < 2:
        return found
    x, y = score.to_numpy(dtype=float), value.to_numpy(dtype=float)
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(x), size=(1000, len(x)))
    for name, of in (("kendall", stats.kendalltau), ("spearman", stats.spearmanr)):
        found[name] = of(x, y).statistic
        again = [of(x[i], y[i]).statistic for i in drawn if np.ptp(x[i]) and np.ptp(y[i])]
        found[f"{name}_low"], found[f"{name}_high"] = np.quantile(again, (0.025, 0.975))
    return found
