"""Which mixtures does training so far predict to be best, over the whole space?

One row a mixture of the screen that the campaign was drawn from, best predicted first. A ridge
regression of trained validation accuracy on the screen's scores, families, pairs and settings is
fitted on all that has been trained so far; `screening` says how well it predicts. Accuracies in
[0, 1].

families              joined by +
predicted             validation accuracy after training, at the mean of the campaign's settings
trained               mean validation accuracy of its trained candidates; missing if none was
uniform               the screen's score: validation accuracy of the experts' plain average
members               timm models, in the families' order
rank                  by the uniform average, 1 is best
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.screen_validation import arms, predict_all
from nas.schema import ProblemError
from nas.stats.surrogate import FEWEST

COLUMNS = ["families", "predicted", "trained", "uniform", "members", "rank"]


def table(data: CampaignData) -> pd.DataFrame:
    trained = arms(data)
    if len(trained) < FEWEST:
        raise ProblemError(
            f"a correction needs {FEWEST} trained candidates, and there are {len(trained)}",
            where=data.campaign,
            fix="continue the campaign",
        )
    rows = data.screened.copy()
    rows["predicted"] = predict_all(trained, rows)
    rows["trained"] = rows["members"].map(trained.groupby("members")["val_acc"].mean())
    answer = rows.sort_values(["predicted", "rank"], ascending=[False, True])
    answer = answer[COLUMNS].reset_index(drop=True)
    answer.attrs["note"] = f"fitted on {len(trained)} trained candidates of {data.campaign}"
    return answer
