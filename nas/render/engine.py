"""Renders candidates to source text."""

import ast
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice, product
from typing import Any, NoReturn

from jinja2 import TemplateError
from pydantic import ValidationError

from nas.render.axes import axes, check_choices, knobs
from nas.render.library import SUFFIX, check_trusted, environment, parsed, templates
from nas.render.values import UnsafeValueError, literal, word
from nas.schema import (
    START,
    STARTS,
    Assignment,
    Candidate,
    Choice,
    ExpertChoice,
    ProblemError,
    Recipe,
    Scalar,
    Space,
    Task,
    did_you_mean,
    fault_of,
)
from nas.schema.axes import RECIPE, RESERVED_ARGS


def render(candidate: Candidate) -> str:
    """The candidate's model as one Python file that needs only torch and timm.

    Equal candidates give equal text. Raises ProblemError, with the template and if possible the
    line, for an unknown template or axis, a value that is not allowed or not safe, an undefined
    variable, and text that is not a module with `build`.
    """
    name = candidate.template
    knobs(name)  # unknown names and syntax errors, in partials too, before rendering
    choices = check_choices(name, candidate.template_settings)

    def axis(name: str, *_: Any, **__: Any) -> Any:
        return choices[name]

    def knob(name: str, default: float, **_: Any) -> float:
        return default

    context = {
        "axis": axis,
        "knob": knob,
        "refuse": _refuse,
        "experts": _experts(candidate),
        "channels": candidate.channels,
        "image_size": candidate.image_size,
    }
    template = environment().get_template(name + SUFFIX)
    try:
        source = template.render(context)
    except ProblemError as error:
        problem = error.problem
        raise RefusedError(problem.what, where=_place(error, name), fix=problem.fix) from None
    except Exception as error:  # the template's own expressions may raise anything
        what = str(error)
        if not isinstance(error, (TemplateError, UnsafeValueError)):
            what = f"{type(error).__name__}: {what}"
        raise ProblemError(what, where=_place(error, name)) from error
    _check_module(source, name)
    return source


def code_of(candidate: Candidate, render: Callable[[Candidate], str]) -> tuple[str, str]:
    """A candidate's code, or empty text and the reason why its template refuses it."""
    try:
        return render(candidate), ""
    except RefusedError as error:
        return "", error.problem.what


def render_to_run(candidate: Candidate) -> str:
    """As `render`, for text that will be run. Also raises ProblemError if a file of the working
    directory would replace a shipped template without the user's consent."""
    check_trusted(candidate.template)
    return render(candidate)


Place = Callable[[tuple[str | int, ...]], str]
"""Maps a part of a space file, such as ("choices", "mixing", 0), to its location."""


class SpaceError(ProblemError):
    """A part of a space is wrong, such as ("choices", "mixing", 0)."""

    def __init__(self, part: tuple[str | int, ...], what: str, *, where: str, fix: str) -> None:
        super().__init__(what, where=where, fix=fix)
        self.part = part


COMBINATIONS = 500
"""Maximum number of combinations that are rendered to find an allowed one."""


class RefusedError(ProblemError):
    """A template refuses these choices and experts."""


def check_space(space: Space, place: Place | None = None) -> None:
    """Raises ProblemError for a space that its template cannot render, before any run.

    Renders a sample for every value of every choice and for every member, so that every unknown
    axis, disallowed value and unsafe value is found. A combination that the template refuses is no
    error if each of its parts is allowed in another one: it may be drawn, and is then recorded as
    `invalid`. With a `place`, the error's `where` is the
    location of the wrong part, unless the template itself is wrong.
    """
    if space.template not in templates():
        with placed(("template",), place):
            parsed(space.template)
    known = axes(space.template)
    for choice in space.choices:
        for index, value in enumerate(choice.values):
            part = ("choices", choice.name, index)
            named = choice.name in known or choice.name == START or choice.name[:7] == RECIPE
            with placed(part if named else part[:2], place):
                _check_value(space, choice.name, value)
    for arm, variants in space.arms.items():
        for variant in variants:
            for name, value in variant.settings.items():
                with placed(("arms", arm, name), place):
                    check_choices(space.template, {name: value})
    for picks, choices in _samples(space):
        try:
            _render_sample(space, picks, choices)
        except RefusedError as error:
            blamed = _to_blame(space, picks, choices, error.problem.what)
            if blamed is not None:
                with placed(blamed, place):
                    raise


def _check_value(space: Space, name: str, value: Scalar) -> None:
    """Raises ProblemError if a choice is none of the space's template, experts and recipe, or
    cannot have this value."""
    if name.startswith(RECIPE):
        field, _, inner = name.removeprefix(RECIPE).partition(".")
        if field not in Recipe.model_fields:
            near = did_you_mean(field, Recipe.model_fields)
            raise ProblemError(f"the recipe has no field {field!r}", fix=near)
        mapping = isinstance(getattr(space.recipe, field), dict)
        if inner and not mapping:
            what = f"{name}: recipe.{field} has no fields of its own"
            raise ProblemError(what, fix=f"write recipe.{field}")
        if mapping and not inner:
            raise ProblemError(f"{name} has values by name", fix=f"write {name}.NAME")
        try:
            space.recipe.having({name.removeprefix(RECIPE): value})
        except ValidationError as error:
            _, problem = fault_of(error)
            raise ProblemError(f"{name} cannot be {value!r}: {problem}") from None
    elif name == START and space.experts is not None:
        if value not in STARTS:
            what = f"{value!r} is not a value of {START}"
            raise ProblemError(what, fix=did_you_mean(str(value), STARTS))
    else:
        check_choices(space.template, {name: value})


def _samples(space: Space) -> Iterator[tuple[tuple[ExpertChoice, ...], dict[str, Scalar]]]:
    """Picks and choices in which every value and every member, or variant, is at least once."""
    base = {choice.name: choice.values[0] for choice in space.choices}
    first = [ExpertChoice(group, members[0]) for group, members in space.groups.items()]
    for choice in space.choices:
        for value in choice.values:
            yield tuple(first[: space.k]), base | {choice.name: value}
    for group, members in space.groups.items():
        others = [pick for pick in first if pick.family != group]
        for member in members:
            yield (ExpertChoice(group, member), *others)[: space.k], base


def _render_sample(
    space: Space, picks: tuple[ExpertChoice, ...], choices: Mapping[str, Scalar]
) -> None:
    assignment = Assignment(picks, tuple(choices.items()))
    render(Candidate.of(space, assignment, Task(), template_hash=""))


def _to_blame(
    space: Space, picks: tuple[ExpertChoice, ...], choices: Mapping[str, Scalar], why: str
) -> tuple[str | int, ...] | None:
    """The part for which a template refuses a sample, as `why` says: the number of experts, what is
    wrong with an arm, or a choice's value. None if each of them is allowed in another combination.
    """
    groups = space.groups.items()
    with_any = [picks]
    if space.arms:
        with_any = [(ExpertChoice(arm, label),) for arm, labels in groups for label in labels]
        if _never_allowed(space, [picks], {}):
            return _wrong_with(space, picks[0], choices, why)
    elif _refused(space, picks, {}):
        return ("template",) if space.experts is None else ("experts", "choose")
    for choice in space.choices:
        value = choices[choice.name]
        if _never_allowed(space, with_any, {choice.name: value}):
            return ("choices", choice.name, _place_of(choice, choices))
    return None


def _wrong_with(
    space: Space, pick: ExpertChoice, choices: Mapping[str, Scalar], why: str
) -> tuple[str | int, ...]:
    """The part of a space without which a template would not refuse a variant of an arm: one of its
    settings, first one that `why` names, the size of the images, or a choice's value, against their
    defaults. The arm, where that is none of them alone."""
    arm, variant = pick.family, space.variant(pick.family, pick.model)
    alone = space.with_(arms={arm: (variant,)}, reference="")
    mentioned = why.split()
    for name in sorted(variant.settings, key=lambda name: name not in mentioned):
        others = {n: v for n, v in variant.settings.items() if n != name}
        less = variant.with_(settings=others)
        if not _refused(alone.with_(arms={arm: (less,)}), (pick,), choices):
            return ("arms", arm, name)
    usual = Space.model_fields["image_size"].default
    if not _refused(alone.with_(image_size=usual), (pick,), choices):
        return ("image_size",)
    for choice in space.choices:
        without = {n: v for n, v in choices.items() if n != choice.name}
        if not _refused(alone, (pick,), without):
            return ("choices", choice.name, _place_of(choice, choices))
    return ("arms", arm)


def _place_of(choice: Choice, choices: Mapping[str, Scalar]) -> int:
    """The index of a choice's value; by its text, as 1 equals true."""
    return list(map(repr, choice.values)).index(repr(choices[choice.name]))


def _never_allowed(
    space: Space, picks: Iterable[tuple[ExpertChoice, ...]], fixed: Mapping[str, Scalar]
) -> bool:
    """Whether a template refuses every combination of these picks with the space's choices, as far
    as COMBINATIONS tell."""
    free = [choice for choice in space.choices if choice.name not in fixed]
    names = [choice.name for choice in free]
    settings = product(*(choice.values for choice in free))
    tried = 0
    for some, values in islice(product(picks, settings), COMBINATIONS):
        tried += 1
        if not _refused(space, some, {**fixed, **dict(zip(names, values, strict=True))}):
            return False
    return tried < COMBINATIONS


def _refused(space: Space, picks: tuple[ExpertChoice, ...], choices: Mapping[str, Scalar]) -> bool:
    try:
        _render_sample(space, picks, choices)
    except RefusedError:
        return True
    return False


@contextmanager
def placed(part: tuple[str | int, ...], place: Place | None) -> Iterator[None]:
    """Adds the location of a part of the space file to a ProblemError."""
    try:
        yield
    except ProblemError as error:
        if place is None:
            raise
        problem = error.problem
        raise SpaceError(part, problem.what, where=place(part), fix=problem.fix) from None


def _experts(candidate: Candidate) -> list[dict[str, Any]]:
    """The experts as a template sees them, in the candidate's order, arguments sorted by name."""
    for expert in candidate.experts:
        where = f"family {expert.family!r}, member {expert.member.model!r}"
        try:
            word(expert.family), word(expert.member.model), literal(expert.member.args)
        except ValueError as error:  # unsafe, or an int too long to write
            raise ProblemError(str(error), where=where) from None
        for name in expert.member.args:
            if name in RESERVED_ARGS:
                raise ProblemError(
                    f"{name} cannot be set in a space", where=where, fix="leave it out"
                )
    return [
        {
            "family": expert.family,
            "model": expert.member.model,
            "args": dict(sorted(expert.member.args.items())),
            "inputs": expert.member.inputs(candidate.image_size),
        }
        for expert in candidate.experts
    ]


def _refuse(message: str) -> NoReturn:
    """For templates: refuses a combination of choices, with the reason."""
    raise ProblemError(message)


def _place(error: BaseException, template: str) -> str:
    """`path:line` of the innermost template frame; Jinja adds these to tracebacks."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if frame.filename.endswith(SUFFIX)]
    return f"{inside[-1].filename}:{inside[-1].lineno}" if inside else f"template {template}"


def _check_module(source: str, template: str) -> None:
    where = f"template {template}"
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        line = (error.text or "").strip()
        raise ProblemError(
            f"it renders text that is not Python: {error.msg}, in {line!r}", where=where
        ) from None
    if not any(isinstance(n, ast.FunctionDef) and n.name == "build" for n in tree.body):
        raise ProblemError("it renders no function build(num_classes)", where=where)
