"""`nas plan`: what a campaign could tell, before it is paid for."""

from dataclasses import asdict
from math import isnan
from typing import Annotated

import typer

from nas.cli import complete, defaults, options
from nas.cli.console import echo, echo_json
from nas.schema import ProblemError, UsageError, parse_duration


def plan(
    space: options.SpaceName = None,
    trials: Annotated[
        int | None, typer.Option("--trials", "-n", min=1, max=10**9, help="Candidates to draw.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", "-b", help="Instead: working time, as in 28d.")
    ] = None,
    noise: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=100.0,
            callback=options.finite,
            help="Standard deviation between equal candidates, in points.",
        ),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            help="A campaign, or `latest`, that tells noise, failures and time a candidate.",
            autocompletion=complete.campaigns,
        ),
    ] = None,
    gpus: options.Gpus = None,
    db: options.Db = "runs.db",
    as_json: options.Json = False,
) -> None:
    """Say which effects a campaign will be able to see: least ones found four times of five.

    Example: `nas plan moe4 --trials 1146 --noise 2`
    """
    from nas.ledger import Ledger
    from nas.results.power import Measured, measured
    from nas.results.power import plan as look_ahead
    from nas.space import load

    if (trials is None) == (budget is None):
        raise typer.BadParameter("give one of --trials and --budget")
    space = defaults.space_for(space, gpus)
    chosen = load(space)
    if chosen.experts is None:
        raise UsageError(f"{chosen.name} has no families to compare", where=space)
    wanted = None if budget is None else parse_duration(budget, "--budget")
    before: Measured | None = None
    if like is not None:
        before = measured(Ledger(db), None if like == "latest" else like)
        if before is None:
            raise ProblemError("no candidate of it has finished", where=like)
    if trials is None:
        if before is None:
            raise typer.BadParameter("--budget needs --like: how long does a candidate take?")
        trials = max(1, int((wanted or 0.0) / before.seconds))
    rate = before.success_rate * before.learned_rate if before else 1.0
    found = look_ahead(chosen, trials, success_rate=rate)
    points = noise
    if points is None and before is not None and not isnan(before.noise):
        points = 100 * before.noise
    if as_json:
        echo_json(
            {
                "space": chosen.name,
                "trials": trials,
                "noise_points": points,
                "like": asdict(before) if before else None,
                "results": found.results,
                "together": found.together,
                "family_sd": _known(found.family),
                "pair_sd": _known(found.pair),
                "family_points": _known(found.family, points),
                "pair_points": _known(found.pair, points),
            }
        )
        return
    axis = chosen.experts
    short = f" (the space ends at {found.results:,})" if found.results < int(trials * rate) else ""
    each = found.results * axis.k / len(axis.families)
    echo(
        f"{trials:,} stratified trials of {chosen.name}, {axis.k} of {len(axis.families)} families,"
        f" {found.results:,} with a result{short}: a family stands in {each:.1f} of them, a pair in"
        f" {found.together:.1f}."
    )
    source = "stated" if noise is not None else f"measured in {before.campaign}" if before else ""
    if points is not None:
        echo(f"Noise between equal candidates: {points:.2f} points, {source}.")
    echo("Found four times out of five, if it is at least as large as")
    for what, size in (
        ("a family's effect against the average family", found.family),
        ("a synergy of one pair, among all pairs, at a false-discovery rate of 5 %", found.pair),
    ):
        echo(f"  {_size(size, points):>12}  {what}")
    if points is None:
        origin = (
            f"{before.campaign} has too few results to tell it" if before else "--like tells it"
        )
        echo(f"sd: the standard deviation between equal candidates; {origin}, --noise states it.")


def _known(size: float, points: float | None = 1.0) -> float | None:
    return None if isnan(size) or points is None else size * points


def _size(size: float, points: float | None) -> str:
    if isnan(size):
        return "too few"
    return f"{size:.2f} sd" if points is None else f"{size * points:.2f} points"


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(plan)
