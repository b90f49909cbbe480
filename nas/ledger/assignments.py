"""SQL expressions that read a candidate's JSON spec inside the database."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, type_coerce

from nas.ledger import models as m
from nas.ledger.bounded import BoundedInteger

_SPEC = m.Candidate.spec


def _whole(*path: str) -> ColumnElement[Any]:
    return type_coerce(_SPEC[path].as_integer(), BoundedInteger())


FROM_SPEC: dict[str, ColumnElement[Any]] = {
    "replicate": _whole("replicate"),
    "template": _SPEC["template"].as_string(),
    "dataset": _SPEC["task", "dataset"].as_string(),
    "image_size": _whole("image_size"),
    "planned_epochs": _whole("recipe", "epochs"),
}
"""Columns that are stored only in the spec."""

VARIANT: ColumnElement[Any] = _SPEC["arm", "label"].as_string()
"""The label of an arm's variant; NULL for a candidate of another space."""


def member(position: int) -> ColumnElement[Any]:
    """The model of the expert at `position`, from 0, or the variant of an arm; NULL for a candidate
    with fewer experts."""
    model: ColumnElement[Any] = _SPEC["experts", position, "member", "model"].as_string()
    return model if position else func.coalesce(model, VARIANT)


def setting(name: str) -> ColumnElement[Any]:
    """The candidate's choice on the axis `name`, as JSON text; NULL if it has no such axis."""
    return cast(_SPEC["choices", name], Text)


def joined(members: Iterable[Sequence[str | None]]) -> list[str]:
    """Each candidate's members as `a+b+c+d`."""
    return ["+".join([model for model in models if model]) for models in members]


def values(texts: Sequence[str | None]) -> list[Any]:
    """Parses JSON texts, None for None. Equal texts are parsed once: few differ among many."""
    known = {text: None if text is None else json.loads(text) for text in set(texts)}
    return [known[text] for text in texts]


def parsed(texts: Sequence[str]) -> Iterator[Any]:
    """Parses JSON texts in blocks of 1000: a call costs more than parsing a short text."""
    for start in range(0, len(texts), 1000):
        yield from json.loads(f"[{','.join(texts[start : start + 1000])}]")


def base_keys(
    keys: Sequence[str], replicates: Sequence[int], specs: Sequence[str]
) -> Sequence[str]:
    """For each candidate, the key of the replicate with the lowest number among these."""
    points = [json.dumps({**spec, "replicate": 0}, sort_keys=True) for spec in parsed(specs)]
    lowest: dict[str, tuple[int, str]] = {}
    for point, replicate, key in zip(points, replicates, keys, strict=True):
        lowest[point] = min(lowest.get(point, (replicate, key)), (replicate, key))
    return [lowest[point][1] for point in points]
