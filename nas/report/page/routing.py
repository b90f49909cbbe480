"""How the networks of arms route: who gets the work, and how decided their routers are.

Not of mixtures of families: their use of experts is by family, in the section of gates.
"""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from nas.report.page.serialize import Column, need_columns, table, values
from nas.report.page.snapshot import Snapshot
from nas.report.page.together import listed
from nas.results.arm_runs import arm_runs
from nas.results.routing import ALL_LAYERS, expert_use, routing_epochs
from nas.schema import Space

PANELS = 24
"""Number of variants up to which each has a panel of its own; of more, each arm has one."""
LOAD, ROUTER = "entropy_norm", "spec_entropy"
_LOAD = "H(q) / ln E, q the experts’ shares of the kept tokens: 1 is even use, 0 a single expert"
_ROUTER = "mean over tokens of H(p) / ln E, p its router probabilities: 0 decided, 1 undecided"
_MEANS = (
    Column("runs", "Runs", "int", "candidates and replicates that learned"),
    Column(LOAD, "Load entropy", "float", _LOAD),
    Column(f"sd_{LOAD}", "SD", "float", "over seeds, within variants"),
    Column(ROUTER, "Router entropy", "float", _ROUTER),
    Column("imbalance", "Imbalance", "float", "max q / min q, of layers without dead experts"),
    Column("sd_imbalance", "SD", "float", "over seeds, within variants"),
    Column("drop_rate", "Dropped", "percent", "share of choices that found no room"),
    Column("sd_drop_rate", "SD", "spread", "over seeds, within variants"),
    Column("cap_ratio", "Capacity used", "percent", "kept tokens over the places of all experts"),
    Column("dead", "Dead experts", "float", "with less than a millionth of the tokens"),
)
LAYER = Column("layer", "Layer", "text")
OF_A_LAYER = tuple(c for c in _MEANS if c.name != "runs" and not c.name.startswith("sd_"))
"""The metrics of one layer of one network."""
_ARM = (
    Column("arm", "Arm", "text"),
    Column("variant", "Variant", "text", "empty: all variants of the arm together"),
)
_USE = (
    Column("name", "Variant", "text"),
    Column("experts", "Experts", "int", "the most that any of its runs has in a layer"),
    Column("busiest", "Busiest", "percent", "its share of the kept tokens"),
    Column("even", "Even share", "percent", "1 / number of experts"),
    Column("least", "Least used", "percent", "its share; 0 in runs that have fewer experts"),
    Column("dead", "Dead experts", "float", "with less than a millionth of the tokens"),
)
_EPOCHS = (
    Column("name", "Variant", "text"),
    Column("epoch", "Epoch", "int"),
    Column(f"{LOAD}_val", "Load entropy, val", "float", _LOAD),
    Column(f"{LOAD}_train", "Load entropy, train", "float", "with noise and augmentation"),
    Column(f"{ROUTER}_val", "Router entropy, val", "float", _ROUTER),
    Column(f"{ROUTER}_train", "Router entropy, train", "float", "with noise and augmentation"),
)


def routing(ledger: Snapshot, campaign: str) -> dict[str, Any] | None:
    """`answer`: a sentence; `names`: by variant, its name in figures; `table`: metrics of routing
    by arm and variant, means over layers; `layers`: the same by layer, None if no network has
    several; `use`: by layer (`all layers` first; alone, if no network has several), a table of
    variants, and `shares`: for each of its rows the experts' shares in [0, 1], the busiest first;
    `epochs`: entropies by epoch. Of the last epoch on validation images, means over runs.

    None for a space without arms, and while no network that routes is trained.
    """
    space = ledger.campaign(campaign).space
    if not space.arms:
        return None
    rows = ledger.table("pce_routing", campaign)
    columns = [column.name for column in (*_ARM, LAYER, *_MEANS)]
    rows = need_columns(rows, [*columns, "split"], "pce_routing")
    rows = rows[rows["split"] == "val"]
    if rows.empty:
        return None
    means, layers = rows[rows["layer"] == "mean"], rows[rows["layer"] != "mean"]
    several = len(layers) > len(means)
    names = names_of(space)
    data = ledger.data(campaign)
    runs = arm_runs(data)
    return {
        "answer": about_routing(means, names),
        "names": names,
        "table": table(means, (*_ARM, *_MEANS), "pce_routing"),
        "layers": table(layers, (*_ARM, LAYER, *_MEANS), "pce_routing") if several else None,
        "use": _use(space, expert_use(data, runs), several),
        "epochs": table(_epochs(space, ledger, campaign, runs), _EPOCHS, "pce_routing"),
    }


def short_name(label: str) -> str:
    """A variant's label with each setting by the last part of its name: `sparse(load=0.2)`."""
    arm, _, settings = label.partition("(")
    found = [re.sub(r"^(\w+\.)+(?=\w+(=|$))", "", each) for each in settings[:-1].split(",")]
    return f"{arm}({', '.join(found)})" if settings.endswith(")") else label


def names_of(space: Space) -> dict[str, str]:
    """By variant, its name in figures."""
    return {v.label: short_name(v.label) for arm in space.arms.values() for v in arm}


def each_variant(rows: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Of rows of arms and their variants, one for each variant, with its `name`: not all variants
    of an arm together."""
    many = rows["arm"].map((rows["variant"] != "").groupby(rows["arm"]).any()).astype(bool)
    rows = rows[~many | (rows["variant"] != "")]
    pairs = zip(rows["variant"], rows["arm"], strict=True)
    return rows.assign(name=[names.get(variant, arm) for variant, arm in pairs])


def about_routing(means: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Which variant uses its experts most evenly, and which routers are most decided. `means`: rows
    of arms and their variants, with means over layers; `names`: of variants."""
    rows = each_variant(means, names)
    numbers = zip(rows["name"], rows["dead"].tolist(), strict=True)
    dead = [f"{name} ({number:.3g})" for name, number in numbers if number > 0]
    sentences = [
        ends(rows, LOAD, "Use of the experts is least even in", "most even in", "H(q) / ln E"),
        ends(rows, ROUTER, "Routers are most decided in", "least in", "H(p) / ln E"),
        f"Dead experts: {listed(dead)}." if dead else "No expert is dead.",
    ]
    return " ".join(filter(None, sentences))


def ends(rows: pd.DataFrame, metric: str, low: str, high: str, formula: str) -> str:
    """A sentence about the rows with the lowest and the highest value; empty if none has one."""
    known = rows.dropna(subset=[metric]).sort_values(metric, kind="stable")
    if known.empty:
        return ""
    first, last = known.iloc[0], known.iloc[-1]
    least, most = f"{first[metric]:.2f}", f"{last[metric]:.2f}"
    if least == most:
        where = f"all {len(known)} variants" if len(known) > 1 else first["name"]
        return f"{formula} is {least} in {where}."
    return f"{low} {first['name']} ({formula} {least}), {high} {last['name']} ({most})."


def _use(space: Space, shares: pd.DataFrame, several: bool) -> dict[str, Any]:
    """`several`: whether there is more to show than the mean over layers."""
    place = {v.label: n for n, v in enumerate(v for arm in space.arms.values() for v in arm)}
    made = {}
    for layer, some in shares.groupby("layer"):  # ALL_LAYERS is the first
        if layer != ALL_LAYERS and not several:
            continue
        by = some.sort_values("rank").groupby("members")
        found = by.agg(
            experts=("share", "size"),
            busiest=("share", "first"),
            least=("share", "last"),
            dead=("dead", "first"),
        )
        found = found.assign(even=1 / found["experts"]).rename_axis("name")
        found = found.loc[sorted(found.index, key=lambda label: place[label])]
        lists = [values(by.get_group(label)["share"], "percent") for label in found.index]
        name = "all layers" if layer == ALL_LAYERS else str(layer)
        made[name] = {"table": table(found.reset_index(), _USE, "routing"), "shares": lists}
    return made


def _epochs(space: Space, ledger: Snapshot, campaign: str, runs: pd.DataFrame) -> pd.DataFrame:
    """One row per panel and epoch, in the order of the space."""
    variants = [variant.label for arm in space.arms.values() for variant in arm]
    by = "members" if len(variants) <= PANELS else "families"
    found = routing_epochs(ledger.data(campaign), runs, (LOAD, ROUTER), by)
    wide = found.pivot(index=[by, "epoch"], columns="split", values=[LOAD, ROUTER])
    wide.columns = wide.columns.map("_".join)
    wide = wide.reindex(columns=[column.name for column in _EPOCHS[2:]]).astype("float64")
    wide = wide.rename_axis(["name", "epoch"]).reset_index()
    order = {name: n for n, name in enumerate(variants if by == "members" else space.arms)}
    return wide.sort_values(
        ["name", "epoch"], key=lambda s: s.map(order) if s.name == "name" else s
    )
