"""Candidates of arms by their variants, in tables for people."""

from typing import TYPE_CHECKING

from nas.schema import Space, model_label

if TYPE_CHECKING:
    import pandas as pd


def with_labels(table: "pd.DataFrame", space: Space | None) -> "pd.DataFrame":
    """A table of candidates with what people read as their `families`, where their space has arms:
    see `nas.schema.model_label`. The variants are then not also its `members`. Others as is."""
    if space is None or not space.arms or not {"families", "members"} <= set(table.columns):
        return table
    rows = zip(table["families"], table["members"], strict=True)
    return table.assign(families=[model_label(*row) for row in rows]).drop(columns="members")
