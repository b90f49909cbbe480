"""Whether routers find the expert of an image's domain, and what it costs where they do not."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nas.report.page.routing import each_variant, names_of
from nas.report.page.serialize import Column, need_columns, table
from nas.report.page.snapshot import Snapshot
from nas.report.page.together import listed, points

_TABLE = (
    Column("arm", "Arm", "text"),
    Column("variant", "Variant", "text", "empty: all variants of the arm together"),
    Column("phase", "Phase", "text", "at its end, on validation"),
    Column("runs", "Runs", "int", "candidates and replicates that learned"),
    Column("top1_acc", "Top-1", "percent", "accuracy of the expert that the router ranks first"),
    Column("domain_oracle_acc", "Oracle by domain", "percent", "each image to its domain’s expert"),
    Column("any_oracle_acc", "Any expert", "percent", "images that some expert classifies rightly"),
    Column("gap_domain", "Lost by routing", "points", "oracle by domain − top-1"),
    Column("gap_domain_low", "95 % low", "points", "t interval over runs"),
    Column("gap_domain_high", "95 % high", "points"),
    Column("gap_any", "Gap to any expert", "points", "any expert − top-1"),
    Column("right_rate", "To its expert", "percent", "images sent to the expert of their domain"),
    Column("largest_rate", "Largest domain", "percent", "share of the images that are of it"),
    Column("right_acc", "There", "percent", "on the images that go to their expert"),
    Column("wrong_acc", "Elsewhere", "percent", "on the images that go to another"),
    Column(
        "specialisation",
        "Own − other",
        "points",
        "specialisation: accuracy by domain, mean over experts",
    ),
    Column(
        "gradient_cosine", "Gradient cosine", "change", "of two domains on the shared stem, mean"
    ),
)
_MATRIX = (
    Column("variant", "Variant", "text"),
    Column("domain", "Domain", "int", "from 0"),
    Column("expert", "Expert", "int", "from 0; expert d is meant for domain d"),
    Column("images", "Images", "int", "of the domain, in all runs"),
    Column("sent_share", "Sent", "percent", "of the domain’s images, to this expert"),
    Column("expert_acc", "Accuracy", "percent", "of the expert on all of them"),
)


def domains(ledger: Snapshot, campaign: str) -> dict[str, Any] | None:
    """`answer`: sentences; `note`: which runs are left out; `names`: by variant, its name in
    figures; `table`: routing by arm, variant and phase; `matrix`: by variant, domain and expert,
    after the last phase.

    None for a space without arms, and while no network with experts for domains is trained.
    """
    space = ledger.campaign(campaign).space
    if not space.arms:
        return None
    rows = ledger.table("routing", campaign)
    rows = need_columns(rows, [column.name for column in _TABLE], "routing")
    if rows.empty:
        return None
    names = names_of(space)
    matrix = ledger.table("routing_matrix", campaign)
    matrix = need_columns(matrix, [column.name for column in _MATRIX], "routing_matrix")
    order = {label: place for place, label in enumerate(names)}
    matrix = matrix.sort_values(
        "variant", key=lambda labels: labels.map(order), kind="stable", ignore_index=True
    )
    return {
        "answer": about_domains(rows, names),
        "note": rows.attrs.get("note", ""),
        "names": names,
        "table": table(rows, _TABLE, "routing"),
        "matrix": table(matrix, _MATRIX, "routing_matrix"),
    }


def about_domains(rows: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Which routers come nearest to the oracle by domain, and how much the experts lose. `rows`: of
    the analysis routing; `names`: of variants."""
    last = each_variant(rows, names).drop_duplicates("name", keep="last")
    last = last.assign(lost=last["gap_domain"].map(points), wrong=1 - last["domain_oracle_acc"])
    last = last.sort_values("gap_domain", kind="stable")
    least, most = last["lost"].iloc[0], last["lost"].iloc[-1]
    against = "Compared with sending each image to the expert of its domain, routing loses"
    if least == most:
        where = f"all {len(last)} variants" if len(last) > 1 else last["name"].iloc[0]
        first = f"{against} {least} points in {where}."
    else:
        low, high = (_those(last[last["lost"] == end]) for end in (least, most))
        first = f"{against} least in {low} and most in {high}."
    low, high = (f"{100 * share:.1f}" for share in (last["wrong"].min(), last["wrong"].max()))
    span = f"{low} %" if low == high else f"{low} to {high} %"
    worse = last[last["gap_domain"] > last["wrong"]]
    than = "Routing loses less than that."
    if len(worse):
        where = "" if len(worse) == len(last) else f" in {listed(list(worse['name']))}"
        than = f"Routing loses more than that{where}."
    return f"{first} The experts misclassify {span} of the images of their own domains. {than}"


def _those(rows: pd.DataFrame) -> str:
    each = zip(rows["name"], rows["lost"], rows["right_rate"], strict=True)
    return listed([f"{n} ({lost} points; {100 * r:.1f} % sent there)" for n, lost, r in each])
