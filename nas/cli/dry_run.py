"""`nas search --dry-run`: what would be drawn."""

from pathlib import Path
from typing import Any

from nas.cli import arguments
from nas.cli.console import echo, echo_json, note, open_if_there, write
from nas.cli.output import Form, print_records
from nas.cli.working import working
from nas.files import make_folder
from nas.report.cells import cell
from nas.schema import CampaignConfig, Space, UsageError

FEW = 10
"""Candidates that are printed where --trials names no number."""
ALL = 100
"""The most candidates of a space of arms that are all printed then."""


def print_draws(
    space: Space,
    config: CampaignConfig,
    name: str | None,
    db: str,
    folder: Path | None,
    audit: bool,
    form: Form,
) -> None:
    """Prints each candidate, and with `audit` whether the draw is fair. Writes to no ledger.

    JSON is one document with `candidates` and `audit`, null without `--audit`.
    """
    from nas.campaign.dataset import check_folder
    from nas.campaign.dry_run import DryRun
    from nas.campaign.dry_run import as_json as plain
    from nas.ledger import Ledger
    from nas.ledger.output_paths import check_output

    ledger, wanted = open_if_there(db), config.trials
    if name is not None:
        # An existing campaign draws with its own space, sampler and seed.
        ledger = ledger or Ledger(db)
        row = ledger.campaign(name)
        if config.drop or config.prefer:
            raise UsageError(
                f"a dry run of {name} cannot change its settings",
                where="--drop, --prefer, --from-report",
                fix="leave them out, or leave out --name",
            )
        space, config = row.space, arguments.config_in(row)
        check_folder(name, config)
        note(
            f"{name} continues with its own space {space.name}, sampler {config.sampler} and seed"
            f" {config.seed}."
        )
    every = bool(space.arms) and space.points <= ALL
    trials = wanted or (space.points if every else FEW)
    with working("building each member once"):
        draws = DryRun(space, config, trials, ledger=ledger, after=name, on_message=note)
    if folder:
        check_output(folder)
        make_folder(folder)
    candidates = []
    for drawn in draws:
        data = plain(drawn)
        candidates.append(data)
        if folder and drawn.code:
            write(folder / f"{data['key']}.py", drawn.code)
        if form == "table":  # now, because a large space takes long
            echo(_line(data))
    found = draws.verdict if audit else None
    if form == "json":
        judged = found and {
            "verdict": found.verdict,
            "flagged_at": found.flagged_at,
            "why": found.why,
        }
        echo_json({"candidates": candidates, "audit": judged})
    elif form != "table":
        rows = [_flat(data) for data in candidates]
        print_records(form, rows, note=found.line if found else "")
    elif found is not None:
        echo(found.line)
    if space.arms:
        note(_extent(space))
    if name is None and len(candidates) < space.points:
        more = f"{space.points} shows all" if every else "N shows more"
        note(f"Shown: {len(candidates):,} of {space.points:,} candidates; --trials {more}.")


def _line(candidate: dict[str, Any]) -> str:
    gate = " ".join(f"{k}={v}" for k, v in candidate["gate"].items())
    members = " + ".join(candidate["members"])
    size = cell("params", candidate["params"])
    refused = f"  refused: {candidate['refused']}" if candidate["refused"] else ""
    return f"{candidate['key']}  {size:>7}  {gate}  {members}{refused}"


def _extent(space: Space) -> str:
    """How many candidates and runs a space of arms holds."""
    variants = sum(map(len, space.arms.values()))
    parts = [f"{variants:,} variant{'s'[: variants != 1]}"]
    if space.settings > 1:
        parts.append(f"{space.settings:,} combinations of choices")
    if space.replicates > 1:
        parts.append(f"{space.replicates} replicates")
    return f"{space.name} holds {space.runs:,} runs: {' × '.join(parts)}."


def _flat(candidate: dict[str, Any]) -> dict[str, Any]:
    """One row per candidate, with its members joined by + and a column per gate setting."""
    row = {name: value for name, value in candidate.items() if not isinstance(value, dict | list)}
    row["members"] = "+".join(candidate["members"])
    return row | {f"gate_{name}": value for name, value in candidate["gate"].items()}
