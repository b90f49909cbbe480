"""Options that several commands share, in groups: see nas.cli.groups."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from nas.cli import arguments, complete, defaults, options
from nas.cli.option_checks import finite, within
from nas.cli.output import Form, form_of
from nas.registry import TRACKERS
from nas.schema import Space, parse_duration


def _given(**typed: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: value for name, value in typed.items() if value is not None}


@dataclass(frozen=True)
class DataOptions:
    """The data set and its split."""

    dataset: options.Dataset = None
    data_root: options.DataRoot = Path("data")
    split_seed: options.SplitSeed = 0

    def settings(self, gpus: int | None, space: Space) -> dict[str, Any]:
        """The campaign settings that these options give; the default data set depends on the space
        and on `gpus`."""
        from nas import data

        return {
            "dataset": data.canonical(defaults.dataset_for(self.dataset, gpus, space)),
            "split_seed": self.split_seed,
            "data_root": str(self.data_root.absolute()),
        }


@dataclass(frozen=True)
class RecipeOptions:
    """Settings of a space that replace those of its file."""

    image_size: Annotated[
        int | None,
        typer.Option(
            "--image-size",
            metavar="N",
            callback=within(8, 2048),
            help="Width and height in pixels. [the space's]",
            rich_help_panel=options.DATA,
        ),
    ] = None
    epochs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            callback=within(1),
            help="Training epochs. [the space's]",
            rich_help_panel=options.TRAIN,
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            callback=within(2),
            help="Images per step. [the space's]",
            rich_help_panel=options.TRAIN,
        ),
    ] = None
    lr: Annotated[
        float | None,
        typer.Option(
            "--lr",
            metavar="X",
            callback=finite,
            help="Peak learning rate. [the space's]",
            rich_help_panel=options.TRAIN,
        ),
    ] = None
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Set another: recipe.warmup=0.2",
            rich_help_panel=options.TRAIN,
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        """The given settings of the recipe, without those of --set."""
        return _given(epochs=self.epochs, batch_size=self.batch_size, lr=self.lr)

    def fixed(self) -> set[str]:
        """The names of all given settings of the recipe, including those of --set."""
        from nas.space.settings import parse_settings

        typed = parse_settings(self.assignments)
        return {*self.given(), *(n.removeprefix("recipe.") for n in typed if "recipe." in n)}

    def adjusted(self, name: str) -> Space:
        """The space of this name with the given settings."""
        from nas.space import load
        from nas.space.settings import parse_settings, with_settings

        space = with_settings(load(name), parse_settings(self.assignments))
        if self.image_size is not None:
            space = with_settings(space, {"image_size": self.image_size}, where="--image-size")
        if space.pretrained:
            from nas.experts.weights import WeightStore, resolved

            space = resolved(space, WeightStore.default())
        try:
            return space.with_(recipe=space.recipe.with_(**self.given()))
        except ValidationError as error:
            raise arguments.refused(error) from None


@dataclass(frozen=True)
class LengthOptions:
    """The length of a search."""

    budget: options.Budget = None
    trials: options.Trials = None

    def given(self) -> dict[str, Any]:
        """The campaign settings that were given."""
        return _given(budget_seconds=arguments.budget_of(self.budget), trials=self.trials)


@dataclass(frozen=True)
class MachineOptions:
    """Where trials run, and how many."""

    executor: options.ExecutorName = None
    workers: options.Workers = None
    gpus: options.Gpus = None
    time_limit: Annotated[
        str | None,
        typer.Option(
            "--time-limit",
            metavar="TIME",
            help="Limit per attempt, or none. [6h]",
            rich_help_panel=options.RUN,
        ),
    ] = None

    def given(self) -> dict[str, Any]:
        """The campaign settings that were given; the time limit in seconds, None for `none`.

        Raises UsageError for a time limit that is not a duration.
        """
        found = _given(executor=self.executor, workers=self.workers, gpus=self.gpus)
        if self.time_limit:
            limit = self.time_limit
            found["time_limit"] = None if limit == "none" else parse_duration(limit, "--time-limit")
        return found

    def with_defaults(self) -> dict[str, Any]:
        """As `given`, for a new campaign: executor and workers default to this machine's."""
        gpus = self.gpus or 0
        return {
            "executor": defaults.executor_for(gpus),
            "workers": defaults.workers_for(gpus),
            **self.given(),
        }


@dataclass(frozen=True)
class PhaseOptions:
    """What is drawn from now on."""

    prefer: Annotated[
        str | None,
        typer.Option(
            metavar="A,B|none",
            help="Families to draw twice as often (new phase).",
            rich_help_panel=options.DRAW,
        ),
    ] = None
    drop: Annotated[
        str | None,
        typer.Option(
            metavar="A,B|none",
            help="Families not to draw (new phase).",
            rich_help_panel=options.DRAW,
        ),
    ] = None
    bench_after: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            callback=within(1),
            help="Failures in a row that exclude a family. [6]",
            rich_help_panel=options.DRAW,
        ),
    ] = None
    strict_coverage: Annotated[
        bool | None,
        typer.Option(
            "--strict-coverage/--lax-coverage",
            help="Stop if the draw is biased. [lax]",
            rich_help_panel=options.SWITCHES,
        ),
    ] = None

    @property
    def wishes(self) -> dict[str, str | None]:
        """Families to prefer and to drop, as they were typed."""
        return {"prefer": self.prefer, "drop": self.drop}

    def given(self) -> dict[str, Any]:
        """The campaign settings that were given, except `wishes`."""
        return _given(bench_after=self.bench_after, strict_coverage=self.strict_coverage)


@dataclass(frozen=True)
class OutputOptions:
    """What is recorded and printed, and where."""

    log: Annotated[
        str | None,
        typer.Option(
            "--log",
            metavar=options.choices(*TRACKERS.names(), "none"),
            help="Also log to this tracker.",
            autocompletion=complete.registered(TRACKERS, "none"),
            rich_help_panel=options.OUTPUT,
        ),
    ] = None
    db: options.Db = "runs.db"
    form: options.Format = "table"
    as_json: options.Json = False

    def given(self) -> dict[str, Any]:
        """The campaign settings that were given; no tracker for `none`."""
        return {"log": None if self.log == "none" else self.log} if self.log else {}

    @property
    def chosen(self) -> Form:
        """The form to print in; BadParameter where two are given."""
        return form_of(self.form, self.as_json)
