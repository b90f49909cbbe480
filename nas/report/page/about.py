"""A campaign's settings and progress, as pairs of name and text."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import nas
from nas.ledger.sources import environments
from nas.ledger.summary import Summary
from nas.report.cells import cell
from nas.report.page.snapshot import Snapshot
from nas.schema import CampaignConfig, Role, Space, format_duration

Facts = list[tuple[str, str]]
_OUTSIDE = ("platform", "cpus", "gpus", "commit", "nas")
"""Entries of an environment that are not versions of packages."""


def about(ledger: Snapshot, summary: Summary) -> dict[str, Any]:
    """`settings`, `run`, `versions` and `recipe`: lists of (name, text)."""
    row = ledger.campaign(summary.campaign)
    space = row.space
    found = environments(ledger, summary.campaign)
    return {
        "settings": _settings(space, row.config),
        "run": _run(ledger, summary, [data for _, data in found]),
        "versions": _versions(found),
        "recipe": [(_words(name), str(value)) for name, value in space.recipe],
    }


def _settings(space: Space, config: CampaignConfig) -> Facts:
    facts: dict[str, Any] = {}
    if axis := space.experts:
        facts["Space"] = (
            f"{space.name}: {axis.k} of {len(space.families)} families,"
            f" {_many(len(space.members), 'member')}, {_many(space.subsets, 'possible set')}"
        )
    elif space.arms:
        variants = sum(map(len, space.groups.values()))
        facts["Space"] = (
            f"{space.name}: {_many(len(space.arms), 'arm')}, {_many(variants, 'variant')}"
        )
    else:
        facts["Space"] = space.name
    for choice in space.choices:
        facts[f"{'Gate' if space.experts else 'Setting'}: {_words(choice.name)}"] = ", ".join(
            str(value) for value in choice.values
        )
    facts["Template"] = f"{space.template}, {space.image_size} px, {space.channels} channels"
    facts["Data"] = config.dataset
    facts["Split seed"] = config.split_seed
    facts["Sampler"] = config.sampler
    facts["Seed"] = config.seed
    facts["Early stopping"] = {"fifo": "none"}.get(config.scheduler, config.scheduler)
    budget, trials = config.budget_seconds, config.trials
    limits = [format_duration(budget) if budget else "", _many(trials, "trial") if trials else ""]
    facts["Budget"] = " or ".join(filter(None, limits)) or "no limit"
    facts["Executor"] = config.executor
    facts["Keep weights"] = config.keep_weights
    return _lines(facts)


def _run(ledger: Snapshot, summary: Summary, machines: list[dict[str, Any]]) -> Facts:
    attempts = ledger.attempts(summary.campaign)
    seconds = attempts.groupby("role")["seconds"].sum()
    created = ledger.campaign(summary.campaign).created_at
    worked = format_duration(summary.worked_seconds)
    facts: dict[str, Any] = {
        "State": state_of(summary),
        "Started": f"{datetime.fromtimestamp(created, UTC):%Y-%m-%d %H:%M} UTC",
        "Worked": worked + (" over all resumes" if summary.worked_seconds else ""),
    }
    for role in Role:
        if counts := summary.counts.get(role):
            facts[_ROLES[role]] = f"{sum(counts.values()):,}: {in_words(counts)}"
    facts["Attempts"] = f"{len(attempts):,}"
    hours = {role: seconds.get(role, 0.0) / 3600 for role in Role}
    shares = [f"{_WHAT[role]} {value:,.1f}" for role, value in hours.items() if value]
    facts["Worker-hours"] = f"{sum(hours.values()):,.1f}" + (
        f" ({', '.join(shares)})" if len(shares) > 1 else ""
    )
    if summary.per_hour:
        facts["Pace"] = f"{summary.per_hour:,.1f} candidates per working hour"
    if summary.eta_seconds and summary.state == "running":
        facts["Left"] = format_duration(summary.eta_seconds)
    facts["Peak memory"] = (
        cell("memory_bytes", float(attempts["peak_memory_bytes"].max())) if len(attempts) else None
    )
    facts["Excluded for failing"] = ", ".join(summary.benched) or None
    facts["Devices"] = ", ".join(sorted(set(attempts["device"].dropna()))) or None
    facts["Machine"] = "; ".join(dict.fromkeys(map(_machine, machines))) or None
    return _lines(facts)


_ROLES = {
    Role.SEARCH: "Candidates",
    Role.CONTROL: "Controls (one member alone)",
    Role.CONFIRM: "Confirmations (new seeds)",
    Role.REPLICATE: "Replicates (new seeds)",
    Role.SUPERSEDED: "Superseded (template changed)",
}
_WHAT = {
    Role.SEARCH: "search",
    Role.CONTROL: "controls",
    Role.CONFIRM: "confirmations",
    Role.REPLICATE: "replicates",
    Role.SUPERSEDED: "superseded",
}


_WORDS = {
    "ok": "trained",
    "open": "still open",
    "oom": "out of memory",
    "pruned": "stopped early",
    "nan": "with a loss that is not finite",
    "timeout": "over the time limit",
    "crash": "crashed",
}


def in_words(counts: Mapping[str, int]) -> str:
    """`8 trained, 1 out of memory`."""
    return ", ".join(f"{n:,} {_WORDS.get(outcome, outcome)}" for outcome, n in _ordered(counts))


def _ordered(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """(outcome, count) pairs: ok first, then by falling count."""
    return sorted(counts.items(), key=lambda item: (item[0] != "ok", -item[1], item[0]))


def state_of(summary: Summary) -> str:
    """`running, 2 attempts at work`, `done`, or how to continue."""
    if summary.alive:
        return f"running, {_many(len(summary.running), 'attempt')} at work"
    if summary.state == "running":
        return "interrupted; `nas resume` continues it"
    return {"stopped": "stopped; `nas resume` continues it"}.get(summary.state, summary.state)


def _machine(data: Mapping[str, Any]) -> str:
    cpus = data.get("cpus")
    parts = [*data.get("gpus", ()), data.get("platform"), cpus and f"{cpus} CPUs"]
    return ", ".join(str(part) for part in parts if part)


def _versions(found: Iterable[tuple[int, Mapping[str, Any]]]) -> Facts:
    """Each package's versions, with the number of attempts if there are several versions."""
    counts: dict[str, dict[str, int]] = {}
    for attempts, data in found:
        for name in ("nas", *(name for name in data if name not in _OUTSIDE)):
            if data.get(name):
                versions = counts.setdefault(name, {})
                versions[data[name]] = versions.get(data[name], 0) + attempts
        if data.get("commit"):
            commits = counts.setdefault("commit", {})
            commits[data["commit"]] = commits.get(data["commit"], 0) + attempts
    lines = [
        (
            name,
            ", ".join(
                version if len(versions) == 1 else f"{version} ({_many(n, 'attempt')})"
                for version, n in versions.items()
            ),
        )
        for name, versions in counts.items()
    ]
    return [*lines, ("this page", f"nas {nas.__version__}")]


def _lines(facts: Mapping[str, Any]) -> Facts:
    return [(name, str(value)) for name, value in facts.items() if value is not None]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _many(count: int, thing: str) -> str:
    return f"{count:,} {thing}{'s' if count != 1 else ''}"
