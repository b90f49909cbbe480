"""All that the page shows, as plain data: each section by its own module."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import nas
from nas.ledger import Ledger
from nas.ledger.frames import gc_paused
from nas.ledger.sources import codes
from nas.ledger.summary import Summary, summary
from nas.report.page.about import about, ordered
from nas.report.page.code_diffs import pack
from nas.report.page.costs import costs
from nas.report.page.coverage import audited, coverage
from nas.report.page.curves import curves
from nas.report.page.failures import failed, failures, latest
from nas.report.page.families import families, yields
from nas.report.page.gates import gates
from nas.report.page.leaders import board, leaders
from nas.report.page.pairs import pairs
from nas.report.page.screens import screened, screening
from nas.report.page.snapshot import Snapshot
from nas.report.page.timeline import timeline
from nas.report.stats_process import StatsProcess
from nas.schema import ProblemError

WHOLE = 5_000
"""Attempts up to which every candidate is on the page."""
BEST = 1_000
"""Above it, so many of the best are."""
_BESIDE = ("failures", "pairs", "coverage", "families")
"""Sections that wait for what a second process may be working out: they come last."""


def page_data(
    ledger: Ledger, campaign: str | None = None, beside: StatsProcess | None = None
) -> dict[str, Any]:
    """Everything on the page as JSON-able data, read in one transaction that blocks no writer.

    `campaign`, `made_at` (seconds since 1970), `nas` (version), `state`, `headline` (sentences),
    `notes` (what is left out), `verdict`, `about`, `codes` (see `nas.report.page.code_diffs`), and
    `sections`: each a dict, None where it has no place in this campaign, or `{"problem": one line}`
    where its analysis fails. A ledger without
    a campaign gives `empty`: a sentence that says so. Shares in [0, 1], lengths in seconds.

    With `beside`, a second process does its part of the work. Raises ProblemError for an unknown
    campaign and a ledger that cannot be read.
    """
    with gc_paused(), Snapshot(ledger, beside).open() as snapshot:
        made = {"made_at": time.time(), "nas": nas.__version__}
        if campaign is None and not snapshot.campaign_names():
            return {
                **made,
                "campaign": None,
                "empty": "No campaign is in this ledger yet: `nas search` starts one.",
            }
        return {**made, **_campaign(snapshot, snapshot.campaign(campaign).name)}


def _campaign(ledger: Snapshot, name: str) -> dict[str, Any]:
    ledger.ask_beside(name)
    found = summary(ledger, name)
    attempts = ledger.attempts(name)
    limit = WHOLE if len(attempts) <= WHOLE else BEST
    best = cache(lambda: board(ledger, name))
    by_family = cache(lambda: yields(ledger, name))
    parts: dict[str, Callable[[], dict[str, Any] | None]] = {
        "coverage": lambda: coverage(ledger, name, by_family),
        "leaders": lambda: leaders(best(), limit),
        "families": lambda: families(ledger, name, by_family()),
        "pairs": lambda: pairs(ledger, name),
        "screening": lambda: screening(ledger, name, limit),
        "screened": lambda: screened(ledger, name),
        "costs": lambda: costs(ledger, name, best(), limit),
        "curves": lambda: curves(ledger, name, best()),
        "failures": lambda: failures(ledger, name),
        "timeline": lambda: timeline(ledger, name),
        "gates": lambda: gates(ledger, name),
    }
    made = {n: _section(make) for n, make in parts.items() if n not in _BESIDE}
    listed = _codes(ledger, name, made["leaders"])
    made |= {n: _section(parts[n]) for n in _BESIDE}
    return {
        "campaign": name,
        "state": found.state,
        "alive": found.alive,
        "headline": _headline(found),
        "notes": _notes(len(attempts), limit),
        "verdict": _section(lambda: audited(ledger, name)),
        "about": about(ledger, found),
        "sections": {n: made[n] for n in parts},
        "codes": listed,
    }


def _section(make: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    """A section's data; what is wrong with it takes its place and spoils no other."""
    try:
        return make()
    except ProblemError as error:
        return {"problem": str(error)}


def _headline(found: Summary) -> str:
    counts = found.counts["search"]
    if not found.drawn:
        return "Nothing has been drawn yet."
    drawn = f"{found.drawn:,} candidate{'s' if found.drawn != 1 else ''} drawn"
    parts = [f"{n:,} {_WORDS.get(outcome, outcome)}" for outcome, n in ordered(counts)]
    best = (
        f" The best reaches {100 * found.best.val_acc:.2f} % on validation"
        f" ({found.best.families.replace('+', ', ')})."
        if found.best
        else " None has been trained to its end."
    )
    return f"{drawn}: {', '.join(parts)}.{best}"


_WORDS = {"ok": "trained to their end", "open": "still open"}


def _notes(attempts: int, limit: int) -> list[str]:
    if attempts <= WHOLE:
        return []
    return [
        f"{attempts:,} attempts are more than one page can list. Every figure counts all of them;"
        " the leaderboard, the points of the cost and screen figures and the code are of the best"
        f" {limit:,}, and `nas report leaderboard --format csv` lists the rest."
    ]


def _codes(ledger: Snapshot, campaign: str, leaders: dict[str, Any] | None) -> dict[str, Any]:
    """Of every candidate that a table lists."""
    keys = set(latest(failed(ledger, campaign))["key"])
    if leaders and "problem" not in leaders:
        keys.update(leaders["table"]["values"]["key"])
    rows = ledger.candidates(campaign)
    rows = rows[rows["key"].isin(keys)]
    key_of = dict(zip(rows["candidate"].tolist(), rows["key"], strict=True))
    return pack((key_of[candidate], code) for candidate, code in codes(ledger, key_of))
