"""Finds settings of a space that would change nothing: two candidates would be one model."""

from collections.abc import Iterator, Mapping
from itertools import product

from nas.render.axes import check_knob
from nas.render.engine import COMBINATIONS, Place, RefusedError, placed, render
from nas.schema import (
    FINETUNED,
    START,
    Assignment,
    Candidate,
    ExpertChoice,
    ProblemError,
    Recipe,
    Scalar,
    Space,
    Task,
)
from nas.schema.recipe_fields import recipe_fields

Picks = tuple[ExpertChoice, ...]
Model = tuple[str, str]
"""Rendered code, and the recipe, as JSON, without what has no effect on it."""


def check_effects(space: Space, place: Place | None = None) -> None:
    """Raises ProblemError for a knob that the space's template does not have or that may not have
    its value, for two variants that are the same model, and for a choice with two values that are
    the same model in some arm, whatever the other choices are, as far as COMBINATIONS renders tell.

    Only for a new campaign: one that has begun with such a space may go on.
    """
    _check_knobs(space, place)
    models = _Models(space)
    try:
        _check_variants(space, models, place)
        _check_choices(space, models, place)
    except _TooManyError:
        return


def _check_knobs(space: Space, place: Place | None) -> None:
    for part, name, value in recipe_fields(space):
        if name.startswith("knobs."):
            knob = name.removeprefix("knobs.")
            recipe = space.recipe.having({name: value})  # it makes a choice's value a float
            with placed(part, place):
                check_knob(space.template, knob, recipe.knobs[knob])


def _check_variants(space: Space, models: "_Models", place: Place | None) -> None:
    seen: dict[Model, Picks] = {}
    for picks in picks_of(space) if space.arms else ():
        model = models(picks, models.base)
        other = seen.setdefault(model, picks) if model else picks
        every = models.settings()
        if other is not picks and all(models(picks, c) == models(other, c) for c in every):
            with placed(("arms", picks[0].family), place):
                raise ProblemError(
                    f"{picks[0].model} and {other[0].model} are the same model: their code is"
                    " equal, and so are their recipes",
                    fix="remove one of the two",
                )


def _check_choices(space: Space, models: "_Models", place: Place | None) -> None:
    for choice in space.choices:
        if len(choice.values) < 2 or choice.name == START:  # a start is not in the code
            continue
        for picks in picks_of(space):
            seen: dict[Model, Scalar] = {}
            for index, value in enumerate(choice.values):
                model = models(picks, models.base | {choice.name: value})
                if model is None:
                    continue
                other = seen.setdefault(model, value)
                if other is value:
                    continue
                first, second = {choice.name: other}, {choice.name: value}
                every = models.settings(without=choice.name)
                if all(models(picks, c | first) == models(picks, c | second) for c in every):
                    arm = f" in {picks[0].model}" if space.arms else ""
                    fix = "set it in the arms that it changes" if arm else "give it one value"
                    with placed(("choices", choice.name, index), place):
                        what = f"{choice.name} {other} and {value} are the same model{arm}"
                        raise ProblemError(what, fix=fix)


def picks_of(space: Space) -> Iterator[Picks]:
    """Every variant; of a space of families, one set of members, as choices cross them all."""
    if not space.arms:
        yield tuple([ExpertChoice(f, names[0]) for f, names in space.groups.items()])[: space.k]
    for arm, variants in space.arms.items():
        for variant in variants:
            yield (ExpertChoice(arm, variant.label),)


class _TooManyError(Exception):
    """So many points were compared that the check ends."""


class _Models:
    """The models of a space's points, each code rendered once."""

    MOST_POINTS = 10 * COMBINATIONS

    def __init__(self, space: Space) -> None:
        self.base: dict[str, Scalar] = {c.name: c.values[0] for c in space.choices}
        self._space = space
        self._codes: dict[str, str | None] = {}
        self._points = 0

    def settings(self, *, without: str = "") -> Iterator[dict[str, Scalar]]:
        """Every combination of the choices, but for one of them."""
        free = [choice for choice in self._space.choices if choice.name != without]
        for values in product(*(choice.values for choice in free)):
            yield {c.name: value for c, value in zip(free, values, strict=True)}

    def __call__(self, picks: Picks, choices: Mapping[str, Scalar]) -> Model | None:
        """The model of a point; None if its template refuses it."""
        self._points += 1
        if self._points > self.MOST_POINTS:
            raise _TooManyError
        assignment = Assignment(picks, tuple(choices.items()))
        candidate = Candidate.of(self._space, assignment, Task(), template_hash="")
        key = repr((picks, sorted(candidate.template_settings.items())))
        if key not in self._codes:
            if len(self._codes) >= COMBINATIONS:
                raise _TooManyError
            try:
                self._codes[key] = render(candidate)
            except RefusedError:
                self._codes[key] = None
        code = self._codes[key]
        return None if code is None else (code, _effective(candidate, code))


def _effective(candidate: Candidate, code: str) -> str:
    """A candidate's recipe, with the default for each field that has no effect on its training."""
    recipe = candidate.recipe
    idle = ["score_training", "momentum" if recipe.optimizer == "adamw" else "beta2"]
    if recipe.schedule is not None:
        idle.append("warmup")
    if candidate.source.start != FINETUNED:
        idle.append("warm_lr")
    if "set_knobs" not in code:
        idle.append("knobs")
    if "routed" not in code and "mixture" not in code:
        idle += ["losses", "balance_weight", *(n for n in Recipe.model_fields if n[:5] == "gate_")]
    defaults = {name: Recipe.model_fields[name].default for name in idle}
    return recipe.with_(**defaults).model_dump_json()
