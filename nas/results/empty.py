"""Why an analysis has no rows for a campaign."""

from typing import TYPE_CHECKING

from nas.results.arm_runs import ROLES
from nas.results.campaign_tables import CampaignTables
from nas.schema import Status

if TYPE_CHECKING:
    import pandas as pd

OTHERWISE = "Nothing in this campaign is what this table lists."


def explained(
    frame: "pd.DataFrame", data: CampaignTables, empty: str = OTHERWISE, template: str = ""
) -> "pd.DataFrame":
    """An analysis' table, whose `attrs["empty"]` says why where it has no rows.

    `empty`: why it has none although runs succeeded. `template`: the only one that the analysis is
    about; for a space of another the table has no rows. A reason that the analysis computed comes
    before that of the campaign's progress.
    """
    if why := _does_not_apply(frame, data, template):
        made = frame.iloc[:0].copy()
        made.attrs = {"empty": why}
        return made
    if frame.empty and "empty" not in frame.attrs:
        frame.attrs["empty"] = _unfinished(data) or empty
    return frame


def _does_not_apply(frame: "pd.DataFrame", data: CampaignTables, template: str) -> str:
    space = data.space
    if template and space.template != template:
        return f"This is about the template {template}; that of {space.name} is {space.template}."
    of_arms = frame.empty and not {"arm", "variant"}.isdisjoint(frame.columns)
    if of_arms and not space.arms:
        return f"This is about arms, and the space {space.name} has none."
    return ""


def _unfinished(data: CampaignTables) -> str:
    """Why no run of the search succeeded; empty where one did."""
    runs = data.candidates[data.candidates["role"].isin(ROLES)]
    if (runs["outcome"] == Status.OK).any():
        return ""
    if runs.empty:
        return f"Nothing was drawn yet: `{_command(data, 'resume')}` goes on."
    if unfinished := int(runs["outcome"].isna().sum()):
        goes_on = _command(data, "resume")
        return f"No run has succeeded, and {unfinished:,} did not end: `{goes_on}` goes on."
    return f"No run has succeeded: `{_command(data, 'report', 'failures')}` says why."


def _command(data: CampaignTables, *words: str) -> str:
    return data.ledger.command(*words, "-c", data.campaign)
