"""Decides after an attempt whether its candidate is retried, and formats the result."""

from dataclasses import dataclass

from nas.ledger import LeasedCandidate
from nas.schema import (
    DEVICE,
    MEMORY_OF_OTHERS,
    CampaignConfig,
    Outcome,
    Status,
    percent,
    printed_name,
)

NOT_THE_CANDIDATES = ("start", "data", DEVICE)
"""Stages in which every other candidate would fail too, so the campaign stops. For a bank's
campaign, saving is another."""


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """Whether a candidate's result is final, and if not, how it is retried."""

    final: bool = True
    retry: bool = False
    """Retried now, by this driver; otherwise by a later run."""
    micro_batches: int = 1
    """Into how many pieces the retry splits a batch."""
    how: str = ""
    """What the retry changes, for a person."""
    waits: bool = False
    """Other programs hold the memory it needs: it is retried later."""
    fault: bool = False
    """The campaign, not the candidate, is at fault."""


def decide_retry(
    outcome: Outcome, leased: LeasedCandidate, config: CampaignConfig, share: float | None = None
) -> RetryDecision:
    """The decision after an attempt that had this `share` of a GPU; None on a CPU.

    Out of memory is retried with the next larger share, which leaves the batch as it is; on a whole
    GPU or a CPU, once with half the batch. If other programs hold the memory, the candidate waits.
    After a worker's death the candidate is retried alone, up to `max_deaths` times; deaths before
    any work are counted separately.
    """
    pieces = leased.micro_batches
    if outcome.status is Status.INTERRUPTED:
        return RetryDecision(final=False, micro_batches=pieces)
    faults = (*NOT_THE_CANDIDATES, "save") if config.bank else NOT_THE_CANDIDATES
    if outcome.status is Status.CRASH and outcome.stage in faults:
        return RetryDecision(final=False, micro_batches=pieces, fault=True)
    if outcome.status is Status.OOM and outcome.stage in MEMORY_OF_OTHERS:
        return RetryDecision(final=False, waits=True, micro_batches=pieces)
    if outcome.status is Status.OOM and share is not None and share < 1.0:
        how = "with more of the GPU"
        return RetryDecision(final=False, retry=True, micro_batches=pieces, how=how)
    if outcome.status is Status.OOM and pieces == 1:
        return RetryDecision(final=False, retry=True, micro_batches=2, how="with half batches")
    if outcome.status is Status.KILLED:
        before = leased.failed_starts if outcome.never_started else leased.deaths
        if before < config.max_deaths:
            return RetryDecision(final=False, retry=True, micro_batches=pieces)
        if outcome.never_started:
            return RetryDecision(final=False, micro_batches=pieces, fault=True)
    return RetryDecision(micro_batches=pieces)


def title(leased: LeasedCandidate) -> str:
    """`#12 resnet+vit` for a candidate of the search, its role and number for the others."""
    return f"{printed_name(leased.role, leased.number)} {leased.candidate.label}"


def alone(leased: LeasedCandidate) -> str:
    """One line about a suspect: a candidate that may have killed its worker."""
    lost = (
        f"its driver died {leased.setbacks} times in the same epoch"
        if leased.setbacks
        else "its worker died"
    )
    return f"{title(leased)}: runs alone, because {lost}"


def format_result(leased: LeasedCandidate, outcome: Outcome, result: RetryDecision) -> str:
    """One line about an attempt's end."""
    words = [f"{title(leased)}: {outcome.status}"]
    if result.retry:
        words.append(f"(retried {result.how})" if result.how else "(retried)")
    if result.waits:
        words.append("(waits for memory that other programs hold)")
    if outcome.status in (Status.OK, Status.PRUNED) and outcome.val_acc is not None:
        words.append(f"val {percent(outcome.val_acc)}")
    words += [outcome.message, f"{outcome.seconds:.1f}s"]
    return " ".join(word for word in words if word)
