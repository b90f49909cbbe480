"""`nas plan`: the statistical power of a campaign, before it runs."""

from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nas.cli import arguments, complete, defaults, options
from nas.cli.console import prose
from nas.cli.groups import grouped
from nas.cli.option_checks import finite, only_with
from nas.cli.option_groups import LengthOptions
from nas.cli.output import form_of, print_facts
from nas.cli.working import working
from nas.schema import ProblemError, Space, UsageError, format_duration

if TYPE_CHECKING:
    from nas.results.power import Measured, ProfiledTime
    from nas.stats.power import Detectable


@dataclass(frozen=True)
class BasisOptions:
    """What is known of candidates before they are trained."""

    noise: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=100.0,
            callback=finite,
            help="Standard deviation between equal candidates, in percentage points.",
        ),
    ] = None
    like: Annotated[
        str | None,
        typer.Option(
            metavar=options.choices("latest", "CAMPAIGN"),
            help="Campaign to take noise, failure rate and time from.",
            autocompletion=complete.campaigns,
        ),
    ] = None


@dataclass(frozen=True)
class ProfileOptions:
    """What members are profiled for, where no campaign says how long a candidate takes."""

    dataset: options.Dataset = None
    data_root: options.DataRoot = Path("data")
    workers: options.Workers = None
    gpus: options.Gpus = None

    def given(self, space: str | None) -> dict[str, object]:
        """The given options by name; --gpus only with a `space`, as it selects the default one."""
        return {
            "--dataset": self.dataset,
            "--data-root": None if self.data_root == ProfileOptions.data_root else self.data_root,
            "--workers": self.workers,
            "--gpus": None if space is None else self.gpus,
        }


@grouped
def plan(
    space: options.SpaceName = None,
    *,
    length: LengthOptions,
    basis: BasisOptions,
    profile: ProfileOptions,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Compute a campaign's power: the smallest effects that it finds with 80 % probability.

    With --budget, the time per candidate is that of --like or, before the first campaign, the sum
    of its members' profiles (`nas families`). Missing profiles are measured first.

    Example: `nas plan moe4 --trials 1146 --noise 2`
    """
    from nas.results.power import plan as look_ahead
    from nas.space import load

    chosen_form = form_of(form, as_json)
    if (length.trials is None) == (length.budget is None):
        raise typer.BadParameter("give one of --trials and --budget")
    if length.budget is None or basis.like is not None:
        only_with("--budget without --like", profile.given(space))
    space = defaults.space_for(space, profile.gpus)
    chosen = load(space)
    if chosen.experts is None:
        raise UsageError(f"{chosen.name} has no families to compare", where=space)
    seconds = arguments.budget_of(length.budget)
    before = _measured(basis.like, db)
    guess = None if seconds is None or before else _profiled(space, profile, db)
    trials = length.trials or _trials(seconds or 0.0, before, guess)
    rate = before.success_rate * before.learned_rate if before else 1.0
    with working("simulating the draws"):
        found = look_ahead(chosen, trials, success_rate=rate)
    points = basis.noise
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
    lines = _lines(chosen, trials, rate, found, guess)
    source = (
        "as given"
        if basis.noise is not None
        else f"measured in {before.campaign}"
        if before
        else ""
    )
    lines += _sizes(found, points, source)
    if points is None:
        origin = (
            f"{before.campaign} has too few results to measure it"
            if before
            else "--like CAMPAIGN measures it"
        )
        lines.append(
            f"sd: the standard deviation between equal candidates; {origin}, --noise gives it."
        )
    print_facts(chosen_form, facts, shown=[prose(line) for line in lines])


def _lines(
    space: Space, trials: int, rate: float, found: "Detectable", guess: "ProfiledTime | None"
) -> list[str]:
    """How often families and pairs come up, in words."""
    assert space.experts is not None
    k, families = space.experts.k, len(space.experts.families)
    short = f" (the space ends at {found.results:,})" if found.results < int(trials * rate) else ""
    each = found.results * k / families
    lines = [
        f"{trials:,} stratified trials of {space.name}, {k} of {families} families,"
        f" {found.results:,} with a result{short}: a family is in {each:.1f} of them, a pair in"
        f" {found.together:.1f}."
    ]
    if guess is not None:
        time = format_duration(guess.candidate)
        lines.insert(
            0,
            f"By its members' profiles, a candidate of {space.name} trains for about {time},"
            f" {guess.parallel} at once.",
        )
    return lines


def _sizes(found: "Detectable", points: float | None, source: str) -> list[str]:
    """The least effects that are found, in words."""
    lines = ["Found with a probability of 80 %, if at least as large as:"]
    if points is not None:
        lines.insert(0, f"Noise between equal candidates: {points:.2f} points, {source}.")
    for what, size in (
        ("a family's effect against the average family", found.family),
        ("a synergy of one pair, among all pairs, at a false-discovery rate of 5 %", found.pair),
    ):
        lines.append(f"  {_size(size, points):>12}  {what}")
    return lines


def _measured(like: str | None, db: str) -> "Measured | None":
    """What a campaign measured; None where none is named."""
    from nas.ledger import Ledger
    from nas.results.power import measured

    if like is None:
        return None
    found = measured(Ledger(db), None if like == "latest" else like)
    if found is None:
        raise ProblemError("no candidate of it has finished", where=like)
    return found


def _profiled(space: str, profile: ProfileOptions, db: str) -> "ProfiledTime":
    from nas.cli.profiles import member_profiles
    from nas.data import num_images
    from nas.results.power import ProfiledTime

    gpus = profile.gpus or 0
    data = defaults.dataset_for(profile.dataset, gpus)
    whole, profiles = member_profiles(space, data, gpus, profile.data_root, db)
    # Workers on one GPU share it: what they gain together is not in a profile.
    parallel = gpus or profile.workers or defaults.workers_for(0)
    return ProfiledTime.of(whole, profiles, num_images(data, profile.data_root), parallel)


def _trials(seconds: float, before: "Measured | None", guess: "ProfiledTime | None") -> int:
    """How many candidates a budget pays for."""
    if before is not None:
        return max(1, int(seconds / before.seconds))
    assert guess is not None
    return guess.trials(seconds)


def _known(size: float, points: float | None = 1.0) -> float | None:
    return None if isnan(size) or points is None else size * points


def _size(size: float, points: float | None) -> str:
    if isnan(size):
        return "too few"
    return f"{size:.2f} sd" if points is None else f"{size * points:.2f} points"


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(plan)
