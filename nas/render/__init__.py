"""Candidate → readable PyTorch source, from the Jinja templates in `templates/`.

A template sees `experts` (each with `family`, `model` and `args`), `channels`, `image_size`,
`axis(name, default, …)` to read a choice, `knob(name, default, …)` to declare what changes in
training, and `refuse(why)`. Everything it prints must have passed `| literal` (a Python literal) or
`| word` (bare, for docstrings). `templates/_mixture.py.j2` documents the functions that a rendered
file must define.
"""

from nas.render.axes import axes
from nas.render.effects import check_effects
from nas.render.engine import (
    Place,
    SpaceError,
    check_space,
    code_of,
    placed,
    render,
    render_to_run,
)
from nas.render.library import check_trusted, own_parts, runs_unasked, template_hash, templates
from nas.render.renewal import CandidateError, candidate_errors, current_hash, rendered_anew

__all__ = [
    "CandidateError",
    "Place",
    "SpaceError",
    "axes",
    "candidate_errors",
    "check_effects",
    "check_space",
    "check_trusted",
    "code_of",
    "current_hash",
    "own_parts",
    "placed",
    "render",
    "render_to_run",
    "rendered_anew",
    "runs_unasked",
    "template_hash",
    "templates",
]
