"""What an attempt's end means for its candidate, and how it is told."""

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
"""Stages whose failure every other candidate would share: the campaign stops instead. So it is
with saving where that is what a campaign is for: filling the bank."""


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """Whether a candidate's result is final, and if not, how it goes on."""

    final: bool = True
    retry: bool = False
    """At once, by this driver; otherwise a later one takes it up."""
    micro_batches: int = 1
    """Of the retry."""
    how: str = ""
    """What is different in the retry."""
    waits: bool = False
    """Others hold the memory it needs: it is tried again when they may have given it back."""
    fault: bool = False
    """The campaign, not the candidate, is at fault."""


def decide_retry(
    outcome: Outcome, claim: LeasedCandidate, config: CampaignConfig, share: float | None = None
) -> RetryDecision:
    """What follows from an attempt that had this share of a GPU; None on a CPU.

    Out of memory is retried with the next larger share, which leaves the batch as it is, and on a
    whole GPU or a CPU once at half the batch; memory that others hold is waited for. A worker's
    death is repeated up to `max_deaths` times, alone; so is one before any work, apart from those.
    """
    pieces = claim.micro_batches
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
        before = claim.unbegun if outcome.unbegun else claim.deaths
        if before < config.max_deaths:
            return RetryDecision(final=False, retry=True, micro_batches=pieces)
        if outcome.unbegun:
            return RetryDecision(final=False, micro_batches=pieces, fault=True)
    return RetryDecision(micro_batches=pieces)


def title(claim: LeasedCandidate) -> str:
    """`#12 resnet+vit` for a candidate of the search, its role and number for the others."""
    return f"{printed_name(claim.role, claim.number)} {'+'.join(claim.candidate.families)}"


def alone(claim: LeasedCandidate) -> str:
    """One line about a suspect."""
    lost = (
        f"{claim.setbacks} times its driver died in the same epoch"
        if claim.setbacks
        else ("its worker died")
    )
    return f"{title(claim)}: runs alone, for {lost}"


def format_result(claim: LeasedCandidate, outcome: Outcome, result: RetryDecision) -> str:
    """One line about an attempt's end."""
    words = [f"{title(claim)}: {outcome.status}"]
    if result.retry:
        words.append(f"(tried again {result.how})" if result.how else "(tried again)")
    if result.waits:
        words.append("(not its own: waits for memory that others hold)")
    if outcome.status in (Status.OK, Status.PRUNED) and outcome.val_acc is not None:
        words.append(f"val {percent(outcome.val_acc)}")
    words += [outcome.message, f"{outcome.seconds:.1f}s"]
    return " ".join(word for word in words if word)
