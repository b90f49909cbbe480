"""What a candidate's JSON tells the tables, read for many at once."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

FROM_SPEC = ("replicate", "members", "template", "dataset", "image_size", "planned_epochs")
"""Columns that stand in it alone."""


def told(spec: dict[str, Any], gates: Sequence[str]) -> tuple[Any, ...]:
    """The values of FROM_SPEC, then those of the gate's axes; None where it has no such axis."""
    members = "+".join(expert["member"]["model"] for expert in spec["experts"])
    task, recipe, choices = spec["task"], spec["recipe"], spec["choices"]
    return (
        *(spec["replicate"], members, spec["template"]),
        *(task["dataset"], spec["image_size"], recipe["epochs"]),
        *(choices.get(name) for name in gates),
    )


def parsed(texts: Sequence[str]) -> Iterator[Any]:
    """Each JSON text's value: many at a time, for a call costs more than a short text."""
    for start in range(0, len(texts), 1000):
        yield from json.loads(f"[{','.join(texts[start : start + 1000])}]")


def base_keys(
    keys: Sequence[str], replicates: Sequence[int], specs: Sequence[str]
) -> Sequence[str]:
    """For each candidate the key of its lowest replicate here; its own, where it has no others."""
    if not any(replicates):
        return keys
    points = [json.dumps({**spec, "replicate": 0}, sort_keys=True) for spec in parsed(specs)]
    lowest: dict[str, tuple[int, str]] = {}
    for point, replicate, key in zip(points, replicates, keys, strict=True):
        lowest[point] = min(lowest.get(point, (replicate, key)), (replicate, key))
    return [lowest[point][1] for point in points]
