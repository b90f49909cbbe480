"""`nas plan`: the statistical power of a campaign, before it runs."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from nas.cli import complete, defaults, options
from nas.cli.arm_plan import arm_facts, arm_lines
from nas.cli.groups import grouped
from nas.cli.option_checks import finite, only_with
from nas.cli.option_groups import LengthOptions
from nas.cli.output import form_of, print_facts
from nas.cli.plan_text import PROBABLY, known, size
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
            help="Standard deviation that families do not explain, for arms that of one variant's"
            " runs, in percentage points.",
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
    """What members are profiled for, if the time of a candidate is not known from a campaign."""

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


def _check_basis(space: Space, *, known_time: bool) -> None:
    if not space.groups:
        raise UsageError(f"{space.name} has no families or arms to compare")
    if space.arms and not known_time:
        raise UsageError(
            f"how long a run of an arm of {space.name} takes is not known before some are trained",
            where="--budget",
            fix=f"give --like CAMPAIGN, or --trials {space.points}, which is all of it",
        )


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
    """Compute a campaign's power: the smallest effects that it finds with 80 % probability; for
    arms, the smallest differences from the reference arm.

    With --budget, the time per candidate is that of --like or, before the first campaign, the sum
    of its members' profiles (`nas families`). Missing profiles are measured first.

    Example: `nas plan moe4 --trials 1146 --noise 2`
    """
    from nas.results.power import arm_powers
    from nas.results.power import plan as power_of
    from nas.space import load

    chosen_form = form_of(form, as_json)
    given = length.given()
    if len(given) != 1:
        raise typer.BadParameter("give one of --trials and --budget")
    if "trials" in given or basis.like is not None:
        only_with("--budget without --like", profile.given(space))
    space = defaults.space_for(space, profile.gpus)
    chosen = load(space)
    _check_basis(chosen, known_time="trials" in given or basis.like is not None)
    before = _measured(basis.like, db)
    trials, time = _trials(given, before, lambda: _profiled(space, profile, db))
    points, origin = _noise(basis.noise, before)
    facts = {
        "space": chosen.name,
        "trials": trials,
        "noise_points": points,
        "like": asdict(before) if before else None,
        "candidate_seconds": before.seconds if before else time and time.candidate,
    }
    if chosen.arms:
        arms = arm_powers(chosen, chosen.replicates)
        facts |= arm_facts(chosen, trials, points, arms)
        lines = [*arm_lines(chosen, trials, points, origin, arms)]
        if before and "trials" not in given:
            lines.insert(
                0,
                f"By {before.campaign}, a trial takes {format_duration(before.seconds)} with its"
                f" replicates: {trials:,} trials in the budget.",
            )
        print_facts(chosen_form, facts, shown=[Text(line) for line in lines])
        return
    rate = before.success_rate * before.learned_rate if before else 1.0
    with working("simulating the draws"):
        found = power_of(chosen, trials, success_rate=rate)
    facts |= {
        "results": found.results,
        "together": found.together,
        "family_sd": known(found.family),
        "pair_sd": known(found.pair),
        "family_points": known(found.family, points),
        "pair_points": known(found.pair, points),
    }
    lines = [*_draws(chosen, trials, rate, found, time), *_sizes(chosen, found, points, origin)]
    print_facts(chosen_form, facts, shown=[Text(line) for line in lines])


def _draws(
    space: Space, trials: int, rate: float, found: "Detectable", time: "ProfiledTime | None"
) -> Iterator[str]:
    """In words, how long a candidate trains, and how often families and pairs are drawn."""
    if time is not None:
        yield (
            f"By its members' profiles, a candidate of {space.name} trains for about"
            f" {format_duration(time.candidate)}, {time.parallel} at once."
        )
    short = f" (the space ends at {found.results:,})" if found.results < int(trials * rate) else ""
    families = len(space.families)
    each = found.results * space.k / families
    yield (
        f"{trials:,} stratified trials of {space.name}, {space.k} of {families} families,"
        f" {found.results:,} with a result{short}: a family is in {each:.1f} of them, a pair in"
        f" {found.together:.1f}."
    )


def _sizes(space: Space, found: "Detectable", points: float | None, origin: str) -> Iterator[str]:
    """In words, the smallest effects that are found."""
    if points is not None:
        yield f"Noise, which families do not explain: {points:.2f} points, {origin}."
    yield PROBABLY.capitalize()
    yield f"  {size(found.family, points):>12}  a family's effect against the average family"
    if space.k > 1:
        what = "a synergy of one pair, among all pairs, at a false-discovery rate of 5 %"
        yield f"  {size(found.pair, points):>12}  {what}"
    if points is None:
        yield f"sd: the standard deviation families do not explain; {origin}, --noise gives it."


def _noise(typed: float | None, before: "Measured | None") -> tuple[float | None, str]:
    """The noise in points and where it is from, or None and how to get it."""
    if typed is not None:
        return typed, "as given"
    if before is None:
        return None, "--like CAMPAIGN measures it"
    if isnan(before.noise):
        return None, f"{before.campaign} has too few results to measure it"
    return 100 * before.noise, f"measured in {before.campaign}"


def _measured(like: str | None, db: str) -> "Measured | None":
    """What a campaign measured; None if none is named."""
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
    from nas.space import load

    gpus = profile.gpus or 0
    data = defaults.dataset_for(profile.dataset, gpus, load(space))
    whole, profiles = member_profiles(space, data, gpus, profile.data_root, db)
    # Workers on one GPU share it: what they gain together is not in a profile.
    parallel = gpus or profile.workers or defaults.workers_for(0)
    return ProfiledTime.of(whole, profiles, num_images(data, profile.data_root), parallel)


def _trials(
    given: dict[str, Any], before: "Measured | None", profiled: "Callable[[], ProfiledTime]"
) -> tuple[int, "ProfiledTime | None"]:
    """The number of trials that the options for a campaign's length allow, and the profiled time of
    a candidate if it follows from that."""
    if "trials" in given:
        return given["trials"], None
    if before is not None:
        return before.trials(given["budget_seconds"]), None
    time = profiled()
    return time.trials(given["budget_seconds"]), time


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(plan)
