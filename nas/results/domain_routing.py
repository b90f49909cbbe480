"""How routers send domains of classes to experts, from the events at the ends of phases.

The numbers of images are those of `nas.train.domains.routing_counts`.
"""

from typing import TYPE_CHECKING, Any

from nas.results.campaign_tables import CampaignTables
from nas.results.training_events import training_events_of

if TYPE_CHECKING:
    import pandas as pd

NAN = float("nan")


def figures_of(counts: dict[str, Any]) -> dict[str, float]:
    """Accuracies and shares in [0, 1] from numbers of images; NaN where there are none."""
    images, right = counts["images"], counts["right"]
    hits = counts["right_hits"] + counts["wrong_hits"]
    top1, domain, any_expert = (
        n / images for n in (hits, counts["domain_hits"], counts["any_hits"])
    )
    return {
        "top1_acc": top1,
        "domain_oracle_acc": domain,
        "any_oracle_acc": any_expert,
        "gap_domain": domain - top1,
        "gap_any": any_expert - top1,
        "right_rate": right / images,
        "largest_rate": max(counts["of_domain"], default=0) / images,
        "right_acc": counts["right_hits"] / right if right else NAN,
        "wrong_acc": counts["wrong_hits"] / (images - right) if images > right else NAN,
        "specialisation": _specialisation(counts["hits"], counts["of_domain"]),
        "gradient_cosine": NAN if (cosine := counts["gradient_cosine"]) is None else cosine,
    }


def _specialisation(hits: list[list[int]], of_domain: list[int]) -> float:
    """An expert's accuracy on its own domain − the mean of those on the others, mean over experts,
    as the instrument `oracle` has it."""
    found = []
    for expert, row in enumerate(hits):
        accs = {d: row[d] / images for d, images in enumerate(of_domain) if images}
        own = accs.pop(expert, None)
        if own is not None and accs:
            found.append(own - sum(accs.values()) / len(accs))
    return sum(found) / len(found) if found else NAN


def phase_figures(data: CampaignTables, runs: "pd.DataFrame") -> "pd.DataFrame":
    """One row per run and phase of its training, in order: the run's columns, `phase` and
    `figures_of`."""
    import pandas as pd

    events = training_events_of(data, runs, "phase")
    rows = [{"phase": found["phase"], **figures_of(found)} for found in events["data"]]
    names = ["phase", *figures_of(_EMPTY)]
    figures = pd.DataFrame(rows, index=events.index, columns=names)
    runs = runs.drop(columns="phase")  # of the sampler
    return runs.merge(events[["candidate"]].join(figures), on="candidate")


_EMPTY: dict[str, Any] = {
    **dict.fromkeys(("images", "right", "right_hits", "wrong_hits"), 1),
    **dict.fromkeys(("domain_hits", "any_hits"), 0),
    "hits": [],
    "of_domain": [],
    "gradient_cosine": None,
}


def routing_matrices(data: CampaignTables, runs: "pd.DataFrame") -> "pd.DataFrame":
    """One row per variant, domain and expert, after the last phase: `variant`, `domain`, `expert`,
    `images` of the domain in all runs, `sent_share`, of those that goes to the expert, and
    `expert_acc`, the expert's accuracy on all of them."""
    import pandas as pd

    events = training_events_of(data, runs, "phase")
    last = events.drop_duplicates("candidate", keep="last")
    last = last.merge(runs[["candidate", "members"]], on="candidate")
    rows = [
        (variant, domain, expert, found["of_domain"][domain], sent, found["hits"][expert][domain])
        for variant, found in zip(last["members"], last["data"], strict=True)
        for domain, row in enumerate(found["sent"])
        for expert, sent in enumerate(row)
    ]
    names = ["variant", "domain", "expert", "images", "sent_share", "expert_acc"]
    frame = pd.DataFrame(rows, columns=names).astype({"variant": "str"})
    sums = frame.groupby(names[:3], sort=False).sum().reset_index()
    seen = sums["images"].where(sums["images"] > 0)  # in runs that have the expert
    sums["images"] = sums.groupby(names[:2])["images"].transform("max")
    every = sums["images"].where(sums["images"] > 0)
    sums["sent_share"] = (sums["sent_share"] / every).astype("float64")
    sums["expert_acc"] = (sums["expert_acc"] / seen).astype("float64")
    return sums.astype({"domain": "int64", "expert": "int64", "images": "int64"})
