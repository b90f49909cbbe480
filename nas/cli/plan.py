"""`nas plan`: the statistical power of a campaign, before it runs."""

from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import complete, defaults, options
from nas.cli.console import echo
from nas.cli.option_checks import finite
from nas.cli.output import form_of, print_facts
from nas.cli.working import working
from nas.schema import ProblemError, UsageError, format_duration, parse_duration

if TYPE_CHECKING:
    from nas.results.power import ProfiledTime


def plan(
    space: options.SpaceName = None,
    trials: options.Trials = None,
    budget: options.Budget = None,
    noise: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=100.0,
            callback=finite,
            help="Standard deviation between equal candidates, in percentage points.",
        ),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            metavar=options.choices("latest", "CAMPAIGN"),
            help="Campaign to take noise, failure rate and time from.",
            autocompletion=complete.campaigns,
        ),
    ] = None,
    dataset: options.Dataset = None,
    workers: options.Workers = None,
    gpus: options.Gpus = None,
    data_root: options.DataRoot = Path("data"),
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Compute a campaign's power: the smallest effects that it finds with 80 % probability.

    With --budget, the time per candidate is that of --like or, before the first campaign, the sum
    of its members' profiles (`nas families`). Missing profiles are measured first.

    Example: `nas plan moe4 --trials 1146 --noise 2`
    """
    from nas.ledger import Ledger
    from nas.results.power import Measured, ProfiledTime, measured
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
    guess: ProfiledTime | None = None
    if like is not None:
        before = measured(Ledger(db), None if like == "latest" else like)
        if before is None:
            raise ProblemError("no candidate of it has finished", where=like)
    if trials is None:
        if before is None:
            guess = _profiled(space, dataset, workers, gpus or 0, data_root, db)
            trials = guess.trials(wanted or 0.0)
        else:
            trials = max(1, int((wanted or 0.0) / before.seconds))
    rate = before.success_rate * before.learned_rate if before else 1.0
    with working("simulating the draws"):
        found = look_ahead(chosen, trials, success_rate=rate)
    points = noise
    if points is None and before is not None and not isnan(before.noise):
        points = 100 * before.noise
    facts = {
        "space": chosen.name,
        "trials": trials,
        "noise_points": points,
        "like": asdict(before) if before else None,
        "candidate_seconds": before.seconds if before else guess.candidate if guess else None,
        "results": found.results,
        "together": found.together,
        "family_sd": _known(found.family),
        "pair_sd": _known(found.pair),
        "family_points": _known(found.family, points),
        "pair_points": _known(found.pair, points),
    }
    if (chosen_form := form_of(form, as_json)) != "table":
        print_facts(chosen_form, facts, shown=[])
        return
    if guess is not None:
        echo(
            f"By its members' profiles, a candidate of {chosen.name} trains for about"
            f" {format_duration(guess.candidate)}, {guess.parallel} at once."
        )
    axis = chosen.experts
    short = f" (the space ends at {found.results:,})" if found.results < int(trials * rate) else ""
    each = found.results * axis.k / len(axis.families)
    echo(
        f"{trials:,} stratified trials of {chosen.name}, {axis.k} of {len(axis.families)} families,"
        f" {found.results:,} with a result{short}: a family is in {each:.1f} of them, a pair in"
        f" {found.together:.1f}."
    )
    source = "as given" if noise is not None else f"measured in {before.campaign}" if before else ""
    if points is not None:
        echo(f"Noise between equal candidates: {points:.2f} points, {source}.")
    echo("Found with a probability of 80 %, if at least as large as:")
    for what, size in (
        ("a family's effect against the average family", found.family),
        ("a synergy of one pair, among all pairs, at a false-discovery rate of 5 %", found.pair),
    ):
        echo(f"  {_size(size, points):>12}  {what}")
    if points is None:
        origin = (
            f"{before.campaign} has too few results to measure it"
            if before
            else "--like CAMPAIGN measures it"
        )
        echo(f"sd: the standard deviation between equal candidates; {origin}, --noise gives it.")


def _profiled(
    space: str, dataset: str | None, workers: int | None, gpus: int, data_root: Path, db: str
) -> "ProfiledTime":
    from nas.cli.arguments import default_workers
    from nas.cli.profiles import member_profiles
    from nas.data import num_images
    from nas.results.power import ProfiledTime

    data = defaults.dataset_for(dataset, gpus)
    whole, profiles = member_profiles(space, data, gpus, data_root, db)
    # Workers on one GPU share it: what they gain together is not in a profile.
    parallel = gpus or workers or default_workers(0)
    return ProfiledTime.of(whole, profiles, num_images(data, data_root), parallel)


def _known(size: float, points: float | None = 1.0) -> float | None:
    return None if isnan(size) or points is None else size * points


def _size(size: float, points: float | None) -> str:
    if isnan(size):
        return "too few"
    return f"{size:.2f} sd" if points is None else f"{size * points:.2f} points"


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(plan)
