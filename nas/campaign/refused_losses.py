"""Finds losses that a network is not defined for, by running it in a process that may crash."""

from collections.abc import Iterator
from itertools import islice, product

from nas.processes import Answer, Sandbox
from nas.render import Place, code_of, placed, render_to_run
from nas.render.effects import Picks, picks_of
from nas.schema import (
    START,
    Assignment,
    Candidate,
    ProblemError,
    Scalar,
    Space,
    Task,
)
from nas.schema.axes import RECIPE

REFUSED = "nas.measure.gate:refused_loss"
"""Imported only in the process that runs it, because it needs torch."""
SECONDS = 300.0
MOST = 16
"""Maximum number of settings of an arm that are run, and of arms' variants in all."""


def check_losses(space: Space, place: Place | None = None) -> None:
    """Raises ProblemError if the network of a variant, or of the space, is not defined for one of
    its losses, whatever the choices are: every such candidate would be `invalid`.

    Runs the template's code, so that consent to it comes first. What cannot be run, and more than
    MOST settings, are let through: the worker then records why.
    """
    with Sandbox() as sandbox:
        for picks in islice(picks_of(space), MOST):
            found = _refused(space, picks, sandbox)
            if found is not None:
                loss, why = found
                with placed(_part(space, picks, loss), place):
                    arm = f" in {picks[0].model}" if space.arms else ""
                    raise ProblemError(f"{why}{arm}", fix=f"leave out losses.{loss} there")


def _refused(space: Space, picks: Picks, sandbox: Sandbox) -> tuple[str, str] | None:
    """(loss, reason) if every setting of the template refuses one; None otherwise."""
    found = None
    for index, choices in enumerate(_settings(space)):
        candidate = Candidate.of(space, Assignment(picks, tuple(choices.items())), Task(), "")
        if index >= MOST or not candidate.recipe.weighted_losses:
            return None
        code, refusal = code_of(candidate, render_to_run)
        if refusal:
            continue
        answer: Answer[tuple[str, str] | None] = sandbox.call(
            REFUSED,
            code,
            candidate.image_size,
            candidate.channels,
            tuple(candidate.recipe.weighted_losses),
            timeout=SECONDS,
        )
        if not answer.ok or answer.value is None:
            return None
        found = found or answer.value
    return found


def _settings(space: Space) -> Iterator[dict[str, Scalar]]:
    """Every setting of the template; of other choices the first value."""
    free = [
        choice.values if not choice.name.startswith((RECIPE, START)) else choice.values[:1]
        for choice in space.choices
    ]
    for values in product(*free):
        yield {c.name: value for c, value in zip(space.choices, values, strict=True)}


def _part(space: Space, picks: Picks, loss: str) -> tuple[str | int, ...]:
    """The part of the space that gives a variant the loss."""
    chosen = f"{RECIPE}losses.{loss}"
    if any(choice.name == chosen for choice in space.choices):
        return ("choices", chosen)
    if space.arms and loss not in space.recipe.losses:
        return ("arms", picks[0].family, chosen)
    return ("recipe", "losses", loss)
