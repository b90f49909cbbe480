"""The page's data as plain values; each section has its own module."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

import nas
from nas.ledger import Ledger
from nas.ledger.frame_queries import gc_paused
from nas.ledger.sources import codes
from nas.ledger.summary import Summary, summary
from nas.report.page.about import about, in_words, state_of
from nas.report.page.arm_effects import arm_effects
from nas.report.page.arms import arms
from nas.report.page.best import best
from nas.report.page.cards import cards
from nas.report.page.code_diffs import pack
from nas.report.page.costs import costs
from nas.report.page.coverage import audited, coverage
from nas.report.page.curves import curves
from nas.report.page.domains import domains
from nas.report.page.failures import failed, failures, latest
from nas.report.page.families import families, yields
from nas.report.page.gates import gates
from nas.report.page.growth import growth
from nas.report.page.hot_plug import hot_plug
from nas.report.page.leaders import board, leaders
from nas.report.page.pairs import pairs
from nas.report.page.routing import routing
from nas.report.page.screens import screened, screening
from nas.report.page.snapshot import Snapshot
from nas.report.page.timeline import timeline
from nas.report.page.together import together
from nas.report.stats_process import StatsProcess
from nas.schema import ProblemError

WHOLE = 5_000
"""Number of attempts up to which the page lists every candidate."""
BEST = 1_000
"""Number of best candidates that are listed if there are more attempts."""
_SLOW = ("failures", "pairs", "coverage", "families", "together")
"""Sections with slow statistics, computed last: a second process may have finished them by then."""


def page_data(
    ledger: Ledger, campaign: str | None = None, stats: StatsProcess | None = None
) -> dict[str, Any]:
    """The page's data, JSON-serialisable, read in one transaction that blocks no writer.

    Keys: `campaign`, `made_at` (seconds since 1970), `nas` (version), `kind` (`search` or `bank`),
    `state`, `setup` and `headline` (sentences), `notes` (about omitted candidates), `verdict`,
    `about`, `codes` (see `nas.report.page.code_diffs`), `cards` (see `nas.report.page.cards`), and
    `sections`: each a dict, None if it does not apply to this campaign, or `{"problem": one line}`
    if its analysis fails. For a ledger without a campaign, `empty` is a sentence that says so.
    Shares are in [0, 1], durations in seconds.

    With `stats`, a second process computes the slow statistics. Raises ProblemError for an unknown
    campaign and for a ledger that cannot be read.
    """
    with gc_paused(), Snapshot(ledger, stats).open() as snapshot:
        made = {"made_at": time.time(), "nas": nas.__version__}
        if campaign is None and not snapshot.campaign_names():
            return {
                **made,
                "campaign": None,
                "empty": "No campaign is in this ledger yet: `nas search` starts one.",
            }
        return {**made, **_campaign(snapshot, snapshot.campaign(campaign).name)}


def _campaign(ledger: Snapshot, name: str) -> dict[str, Any]:
    ledger.start_stats(name)
    found = summary(ledger, name)
    attempts = ledger.attempts(name)
    limit = WHOLE if len(attempts) <= WHOLE else BEST
    bank = ledger.campaign(name).config.bank
    rows = cache(lambda: board(ledger, name))
    by_family = cache(lambda: yields(ledger, name))
    parts: dict[str, Callable[[], dict[str, Any] | None]] = {
        "together": lambda: together(ledger, name),
        "arms": lambda: arms(ledger, name),
        "arm_effects": lambda: arm_effects(ledger, name),
        "growth": lambda: growth(ledger, name),
        "domains": lambda: domains(ledger, name),
        "hot_plug": lambda: hot_plug(ledger, name),
        "routing": lambda: routing(ledger, name),
        "best": lambda: best(ledger, name, rows(), bank=bank),
        "leaders": lambda: leaders(rows(), limit),
        "coverage": lambda: coverage(ledger, name, by_family),
        "families": lambda: families(ledger, name, by_family()),
        "pairs": lambda: pairs(ledger, name),
        "screening": lambda: screening(ledger, name, limit),
        "screened": lambda: screened(ledger, name),
        "costs": lambda: costs(ledger, name, rows(), limit),
        "curves": lambda: curves(ledger, name, rows()),
        "failures": lambda: failures(ledger, name),
        "timeline": lambda: timeline(ledger, name),
        "gates": lambda: gates(ledger, name),
    }
    if ledger.campaign(name).space.experts is None:
        parts |= dict.fromkeys(("families", "pairs", "gates"), lambda: None)
    if bank:  # every member is trained alone: there are no draws and no mixtures
        parts |= dict.fromkeys(_OF_MIXTURES, lambda: None)
    made = {n: _section(make) for n, make in parts.items() if n not in _SLOW}
    listed = _codes(ledger, name, made["leaders"])
    shown = _section(lambda: cards(ledger, name, rows(), limit))
    made |= {n: _section(parts[n]) for n in _SLOW}
    return {
        "campaign": name,
        "kind": "bank" if bank else "search",
        "state": found.state,
        "alive": found.alive,
        "setup": _setup(found, bank),
        "headline": _headline(found, bank),
        "notes": _notes(len(attempts), limit),
        "verdict": _section(lambda: audited(ledger, name)),
        "about": about(ledger, found),
        "sections": {n: made[n] for n in parts},
        "codes": listed,
        "cards": shown,
    }


_OF_MIXTURES = ("together", "coverage", "families", "pairs", "gates")


def _section(make: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    """A section's data, or its problem: an error affects only its own section."""
    try:
        return make()
    except ProblemError as error:
        return {"problem": str(error)}


def _setup(found: Summary, bank: bool) -> str:
    what = "expert bank" if bank else found.sampler and f"{found.sampler} sampler"
    where = " on ".join(filter(None, (found.space, found.dataset)))
    return ", ".join(filter(None, (where, what, state_of(found))))


def _headline(found: Summary, bank: bool) -> str:
    counts = found.counts["search"]
    many = "s" if found.drawn != 1 else ""
    if not found.drawn:
        return "No expert has been trained yet." if bank else "Nothing has been drawn yet."
    subject = f"{found.drawn:,} expert{many}" if bank else f"{found.drawn:,} candidate{many} drawn"
    none = "" if counts.get("ok") else f" No {'expert' if bank else 'candidate'} is trained yet."
    again = found.counts["replicate"]
    number = sum(again.values())
    more = f"; {number:,} replicate{'s'[: number != 1]}: {in_words(again)}" if again else ""
    return f"{subject}: {in_words(counts)}{more}.{none}"


def _notes(attempts: int, limit: int) -> list[str]:
    if attempts <= WHOLE:
        return []
    return [
        f"{attempts:,} attempts are more than one page can list. Every figure counts all of them."
        " The leaderboard, the points of the cost and screen figures, and the cards show the best"
        f" {limit:,}; `nas report leaderboard --format csv` lists the rest."
    ]


def _codes(ledger: Snapshot, campaign: str, leaders: dict[str, Any] | None) -> dict[str, Any]:
    """The code of every candidate that a table lists; see `nas.report.page.code_diffs`."""
    keys = set(latest(failed(ledger, campaign))["key"])
    if leaders and "problem" not in leaders:
        keys.update(leaders["table"]["values"]["key"])
    rows = ledger.candidates(campaign)
    rows = rows[rows["key"].isin(keys)]
    key_of = dict(zip(rows["candidate"].tolist(), rows["key"], strict=True))
    return pack((key_of[candidate], code) for candidate, code in codes(ledger, key_of))
