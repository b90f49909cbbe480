"""`nas search --dry-run`: what would be drawn."""

from pathlib import Path

from rich.text import Text

from nas.cli import arguments
from nas.cli.console import echo, echo_json, open_if_there, write
from nas.files import make_folder
from nas.ledger.output_paths import check_output
from nas.report.terminal import Terminal
from nas.schema import CampaignConfig, Space, UsageError


def print_draws(
    space: Space,
    config: CampaignConfig,
    name: str | None,
    db: str,
    trials: int,
    folder: Path | None,
    audit: bool,
    as_json: bool,
) -> None:
    """Prints each candidate, and with `audit` whether the draw is fair; writes to no ledger."""
    from nas.campaign.dataset import check_folder
    from nas.campaign.dry_run import DryRun
    from nas.campaign.dry_run import as_json as plain
    from nas.ledger import Ledger

    ledger = open_if_there(db)
    if name is not None:
        # A campaign's sequence is its own space's, sampler's and seed's.
        ledger = ledger or Ledger(db)
        row = ledger.campaign(name)
        if config.drop or config.prefer:
            raise UsageError(
                f"{name} goes on as it was asked for: a dry run changes nothing of it",
                where="--drop, --prefer, --from-report",
                fix="leave them out, or leave out --name",
            )
        space, config = row.space, arguments.config_in(row)
        check_folder(name, config)
        echo(
            f"{name} goes on with its own space {space.name}, sampler {config.sampler} and seed"
            f" {config.seed}.",
            err=True,
        )
    with Terminal(stderr=True).status(Text("building each member once…")):
        draws = DryRun(
            space, config, trials, ledger=ledger, after=name, say=lambda line: echo(line, err=True)
        )
    if folder:
        check_output(folder)
        make_folder(folder)
    for drawn in draws:
        data = plain(drawn)
        if folder:
            write(folder / f"{data['key']}.py", drawn.code)
        if as_json:
            echo_json(data)
        else:
            gate = " ".join(f"{k}={v}" for k, v in data["gate"].items())
            members = " + ".join(data["members"])
            size = "      –" if data["params"] is None else f"{data['params'] / 1e6:7.2f}"
            echo(f"{data['key']}  {size} M  {gate}  {members}")
    if audit:
        found = draws.verdict
        line = {"verdict": found.verdict, "flagged_at": found.flagged_at, "why": found.why}
        echo_json(line) if as_json else echo(found.line)
