"""Screens a bank's experts, and samples from the screen."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nas.campaign.bank import bank_members, bank_of, existing_entries, untuned_entries
from nas.campaign.dataset import check_experts_unchanged
from nas.ledger import Ledger
from nas.ledger.lookup import inputs_of_screen
from nas.ledger.records import ScreenExpert
from nas.ledger.screens import best_screened, known_of_all, put_screen, screen_of, screened
from nas.sample import Sampler, SurrogateSampler, TopKWithControls, make_sampler
from nas.schema import (
    BankConfig,
    CampaignConfig,
    DataConfig,
    ExpertChoice,
    ProblemError,
    Record,
    ScreenConfig,
    Space,
    Status,
    UsageError,
    one_line,
)
from nas.working_time import awake

if TYPE_CHECKING:
    import pandas as pd

    from nas.experts.components import ExpertPredictions
    from nas.experts.mixtures import Mixtures
    from nas.experts.screen import ScreenScores, Watch
    from nas.results.collapse import MajorityClass

SAMPLERS_OF_SCREENS = (TopKWithControls.name, SurrogateSampler.name)


@dataclass(frozen=True)
class ScreenRun:
    """A screen as recorded in the ledger."""

    ident: int
    scored: int
    total: int
    missing: tuple[str, ...]
    """Members of the space without an expert in the bank."""
    seconds: float


def screen_space(
    ledger: Ledger,
    space: Space,
    config: ScreenConfig,
    *,
    device: str = "cpu",
    watch: "Watch" = lambda *_: None,
    on_message: Callable[[str], None] = lambda line: None,
) -> ScreenRun:
    """Scores every mixture of the space whose experts are in the bank, on `device`, and records
    the scores.

    Raises ProblemError if the bank has too few experts or cannot be read, or if its data have
    changed since.
    """
    from nas.experts.components import load
    from nas.experts.mixtures import enumerate_mixtures

    start = awake()
    experts = bank_members(space, config)
    bank = bank_of(ledger)
    found = existing_entries(bank, experts)
    if not found:
        raise _no_expert(ledger, space, config)
    check_experts_unchanged(ledger, list(found), on_message)
    table = load(bank, list(found.values()))
    assert space.experts is not None
    sets = enumerate_mixtures(table.families, space.experts.k, limit=config.limit, seed=config.seed)
    allowed = _within_limits(table, sets, space, config)
    scored = replace(sets, members=sets.members[allowed])
    result = _scores(table, scored, config, device, watch)
    seconds = awake() - start
    ident = put_screen(
        ledger,
        space,
        config,
        [
            ScreenExpert(
                key=entry.key,
                family=entry.family,
                model=entry.model,
                val_acc=entry.val_acc,
                seconds=entry.seconds + sum(e.seconds for e in untuned_entries(bank, entry)),
                proxies=entry.proxies,
            )
            for entry in table.entries
        ],
        _rows(table, result),
        total=sets.total,
        left_out=int((~allowed).sum()),
        val_images=len(table.labels["val"]),
        test_images=len(table.labels["test"]),
        seconds=seconds,
    )
    missing = tuple(expert.model for expert in experts if expert.key not in found)
    return ScreenRun(ident, len(scored.members), sets.total, missing, seconds)


def _no_expert(ledger: Ledger, space: Space, config: ScreenConfig) -> ProblemError:
    return ProblemError(
        f"the bank has no expert of {space.name} trained like this on {config.dataset}:"
        f" {'tuned, ' if config.from_bank else ''}split {config.split_seed}, hold-out"
        f" {config.hold_out:g}, seed {config.replicate}, {space.recipe.epochs} epochs of"
        f" batches of {space.recipe.batch_size}",
        where=str(bank_of(ledger).folder),
        fix=f"`{ledger.command('bank', space.name, '--dataset', config.dataset)}` with the same"
        " options trains them",
    )


def _within_limits(
    table: "ExpertPredictions", sets: "Mixtures", space: Space, config: ScreenConfig
) -> NDArray[np.bool_]:
    """Which mixtures are within the limits of parameters and latency: at least one."""
    unmeasured = [entry.model for entry in table.entries if not entry.latency]
    if config.max_latency is not None and unmeasured:
        raise ProblemError(
            f"the latency of {', '.join(unmeasured)} is not measured yet",
            where="--max-latency",
            fix=f"`nas bank {space.name} --dataset {config.dataset}` with the same options measures"
            " it",
        )
    allowed = table.within(sets.members, config.max_params, config.max_latency)
    if not allowed.any():
        raise ProblemError(
            f"none of {len(sets.members):,} mixtures is within these limits",
            where="--max-params, --max-latency",
            fix="raise them; `nas bank` lists the parameters and latency of each expert",
        )
    return allowed


def _scores(
    table: "ExpertPredictions",
    sets: "Mixtures",
    config: ScreenConfig,
    device: str,
    watch: "Watch",
) -> "ScreenScores":
    from nas.experts.screen import screen
    from nas.faults import is_accident  # torch

    try:
        return screen(table.on(device), sets, top=config.top, seed=config.seed, watch=watch)
    except Exception as error:
        if not is_accident(error):
            raise
        raise ProblemError(
            f"mixtures cannot be scored: {one_line(error)}",
            where=device,
            fix="free its memory" + (", or leave out --gpus" if device != "cpu" else ""),
        ) from error


def _rows(table: "ExpertPredictions", result: "ScreenScores") -> Iterator[dict[str, Any]]:
    families, models = table.families, [entry.model for entry in table.entries]
    columns = {
        name: [None if value != value else value for value in values.tolist()]
        for name, values in result.columns.items()
    }
    for at, row in enumerate(np.asarray(result.members).tolist()):
        yield {
            "families": "+".join(families[e] for e in row),
            "members": "+".join(models[e] for e in row),
            **{name: values[at] for name, values in columns.items()},
        }


def find_screen(ledger: Ledger, space: Space, config: DataConfig) -> int:
    """The id of the latest screen with this data set, split and resolution. Raises ProblemError if
    there is none."""
    latest = screen_of(ledger)
    for ident in range(latest.id, 0, -1):
        screen = screen_of(ledger, ident)
        data = (screen.config.dataset, screen.config.split_seed)
        shape = (screen.space.image_size, screen.space.channels)
        if data == (config.dataset, config.split_seed) and shape == (
            space.image_size,
            space.channels,
        ):
            return ident
    raise ProblemError(
        f"this ledger has no screen of {config.dataset} at {space.image_size} pixels, split"
        f" {config.split_seed}",
        where=ledger.place,
        fix="make one with `nas bank` and then"
        f" `{ledger.command('screen', space.name, '--dataset', config.dataset)}`",
    )


def check_screen(config: CampaignConfig) -> None:
    """Raises UsageError if the sampler needs a screen and none is named."""
    if config.sampler in SAMPLERS_OF_SCREENS and config.screen is None:
        raise UsageError(
            f"the sampler {config.sampler} needs a screen", fix="give --from-screen K instead"
        )


def sampler_of(ledger: Ledger | None, space: Space, config: CampaignConfig) -> Sampler:
    """The campaign's sampler over `space`. Raises ProblemError if it needs a screen and there is
    none."""
    if config.sampler not in SAMPLERS_OF_SCREENS:
        return make_sampler(config.sampler, space, config.seed)
    check_screen(config)
    if ledger is None or isinstance(config, BankConfig) or config.screen is None:
        raise ProblemError("screens are stored in a ledger, and there is none", where="--db")
    if config.sampler == SurrogateSampler.name:
        from nas.results.collapse import MajorityClass  # pandas

        inputs = inputs_of_screen(ledger, screen_of(ledger, config.screen))
        order = SurrogateUpdates(screened(ledger, config.screen), MajorityClass.of(inputs))
        return SurrogateSampler(space, config.seed, order.mixtures, order, config.top)
    best = best_screened(ledger, config.screen, config.by, config.top)
    return TopKWithControls(space, config.seed, [_picks(*mixture) for mixture in best])


def _picks(families: str, members: str) -> list[ExpertChoice]:
    return [
        ExpertChoice(*pick) for pick in zip(families.split("+"), members.split("+"), strict=True)
    ]


class SurrogateUpdates:
    """Orders a screen's mixtures by a surrogate model that is refitted on the campaign's results.

    With too few results for a fit, the order is by linear probe, then, for mixtures without one, by
    uniform average. Collapsed runs are not used.
    """

    def __init__(self, scores: "pd.DataFrame", commonest: "MajorityClass") -> None:
        """`scores`: the DataFrame of `screened`, best first."""
        self._scores = scores
        self._commonest = commonest
        self.mixtures = [
            _picks(*mixture) for mixture in zip(scores["families"], scores["members"], strict=True)
        ]
        self._known = known_of_all(scores)
        # Fits that were added later for drawn mixtures are ignored, so that a resumed campaign
        # continues as it started.
        probes = scores["probe"].where(scores["rank"] <= scores.attrs["fitted"])
        order = np.argsort(-probes.to_numpy(), kind="stable")  # missing ones come last
        self._begin: list[int] = order.tolist()
        self._fitted: tuple[list[Record], list[int]] = ([], self._begin)

    def __call__(self, records: Sequence[Record]) -> Sequence[int]:
        """Indices into `mixtures`, best first, given the campaign's records."""
        done = [r for r in records if r.status is Status.OK and r.value is not None]
        if self._fitted[0] != done:
            self._fitted = done, self._order(done)
        return self._fitted[1]

    def _order(self, done: Sequence[Record]) -> list[int]:
        import pandas as pd

        from nas.stats.surrogate import FEWEST, predict

        if not done:
            return self._begin
        settings = [f"choice {name}" for name, _ in done[0].assignment.choices]
        trained = pd.DataFrame(
            [
                (
                    "+".join(pick.model for pick in record.assignment.picks),
                    record.value,
                    *(value for _, value in record.assignment.choices),
                )
                for record in done
            ],
            columns=["members", "val_acc", *settings],
        )
        lost = self._commonest.collapsed(trained["val_acc"].to_numpy(dtype=float))
        trained = trained[~lost].merge(self._scores, on="members")
        if len(trained) < FEWEST:
            return self._begin
        values = predict(trained, self._scores, self._known, settings)
        found: list[int] = np.argsort(-values.to_numpy(), kind="stable").tolist()
        return found
