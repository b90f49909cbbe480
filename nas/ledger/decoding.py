"""Consistency checks for the rows of each table, beyond the types of their cells."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from nas.ledger.owner import Owner
from nas.ledger.records import screen_expert
from nas.schema import (
    Candidate,
    DatasetInfo,
    DrawConstraints,
    MemberProfile,
    ProfileConditions,
    Role,
    ScreenConfig,
    Space,
    Status,
    campaign_config,
)

Check = Callable[[Mapping[str, Any]], Iterator[str]]
_SLACK = 60.0
"""Seconds by which a clock may have been set back between two events."""


def _campaign(row: Mapping[str, Any]) -> Iterator[str]:
    Space.model_validate(row["space"])
    campaign_config(row["config"])
    if row["state"] not in ("running", "stopped", "done"):
        yield f"there is no state {row['state']!r}"
    yield from _ordered(row, "created_at", "heartbeat_at")


def _candidate(row: Mapping[str, Any]) -> Iterator[str]:
    candidate = Candidate.model_validate(row["spec"])
    if candidate.key != row["key"]:
        yield f"its key is {row['key']}, but its spec has the key {candidate.key}"
    if "+".join(candidate.families) != row["families"]:
        yield f"its families are {row['families']}, but its spec has others"
    if row["role"] not in set(Role):
        yield f"there is no role {row['role']!r}"
    yield from _outcome(row)
    yield from _owner(row)
    yield from _ordered(row, "drawn_at", "finished_at")


def _attempt(row: Mapping[str, Any]) -> Iterator[str]:
    yield from _outcome(row)
    yield from _owner(row)
    yield from _ordered(row, "started_at", "begun_at", "ended_at")


def _probe(row: Mapping[str, Any]) -> Iterator[str]:
    ProfileConditions.model_validate(row["conditions"])
    probe = MemberProfile.model_validate(row["probe"])
    if _digest([row["conditions"], row["probe"]["member"]]) != row["digest"]:
        yield "its conditions and member do not match its digest"
    if probe.member.model != row["model"]:
        yield f"its model is {row['model']}, but its profile is of {probe.member.model}"


def _event(row: Mapping[str, Any]) -> Iterator[str]:
    data = row["data"]
    if row["kind"] == "phase":
        DrawConstraints.model_validate(data["plan"])
        if not all(isinstance(data[name], int) for name in ("number", "drawn")):
            yield "number or drawn of a phase is not a whole number"
    elif not isinstance(data, dict):
        yield "its data are not an object"


def _screen(row: Mapping[str, Any]) -> Iterator[str]:
    Space.model_validate(row["space"])
    for expert in row["experts"]:
        if not all(isinstance(expert[name], str) for name in ("key", "family", "model")):
            yield "an expert's key, family or model is not text"
        screen_expert(expert)
    ScreenConfig.recorded(row["config"])


def _screened(row: Mapping[str, Any]) -> Iterator[str]:
    if row["families"].count("+") != row["members"].count("+"):
        yield "it has different numbers of families and members"


def _environment(row: Mapping[str, Any]) -> Iterator[str]:
    if not isinstance(row["data"], dict):
        yield "its data are not an object"
    yield from _noted_once(row)


def _identity(row: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch("[0-9a-f]{32}", row["id"]):
        yield "its id does not consist of 32 hexadecimal digits"


def _inputs(row: Mapping[str, Any]) -> Iterator[str]:
    DatasetInfo.model_validate(row["data"])
    yield from _noted_once(row)


def _dataset(row: Mapping[str, Any]) -> Iterator[str]:
    if hashlib.sha256(row["manifest"].encode()).hexdigest() != row["digest"]:
        yield "its manifest does not match its digest"


def _noted_once(row: Mapping[str, Any]) -> Iterator[str]:
    if _digest(row["data"]) != row["digest"]:
        yield "its data do not match its digest"


def _digest(data: Any) -> str:
    """SHA-256 of the data as stored; the models are not used, as they may have new fields."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _outcome(row: Mapping[str, Any]) -> Iterator[str]:
    if row["outcome"] is not None and row["outcome"] not in set(Status):
        yield f"there is no outcome {row['outcome']!r}"


def _owner(row: Mapping[str, Any]) -> Iterator[str]:
    if row["owner"] is not None:
        try:
            Owner.parse(row["owner"])
        except ValueError:
            yield f"{row['owner']!r} is not a driver"


def _ordered(row: Mapping[str, Any], *names: str) -> Iterator[str]:
    moments = [(name, row[name]) for name in names if row[name] is not None]
    for (first, before), (second, after) in pairwise(moments):
        if after < before - _SLACK:
            yield f"{second} is before {first}"


CHECKS: dict[str, Check] = {
    "attempts": _attempt,
    "campaigns": _campaign,
    "candidates": _candidate,
    "datasets": _dataset,
    "environments": _environment,
    "events": _event,
    "identity": _identity,
    "inputs": _inputs,
    "probes": _probe,
    "screened": _screened,
    "screens": _screen,
}
"""Consistency checks by table, for rows with valid cells. They may raise on malformed data."""
