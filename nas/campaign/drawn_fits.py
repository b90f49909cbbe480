"""Fits probes, static weights and gates of drawn mixtures that a screen has not: controls."""

from collections.abc import Callable

from nas.contained import contained
from nas.experts import FOLDER
from nas.ledger import CampaignStore
from nas.ledger.screens import put_fits, screen_of, unfitted
from nas.processes import Answer, Sandbox

FIT = "nas.experts.screen:fits_of"
"""Imported only in the process that runs it, because it needs torch."""
FIT_SECONDS = 1800.0


def fit_drawn(
    store: CampaignStore, screen: int, sandbox: Sandbox, on_message: Callable[[str], None]
) -> None:
    """Fits, in the sandbox, the screen's scores that a campaign's candidates lack, so that reports
    can compare all scores with training. If the bank has changed since, or the fits take longer
    than FIT_SECONDS, that is printed and reports lack these scores.

    Proposals never use these fits.
    """
    picks = (record.assignment.picks for record in store.records())
    mixtures = {("+".join(p.family for p in m), "+".join(p.model for p in m)) for m in picks}
    ledger = store.ledger
    wanted = unfitted(ledger, screen, mixtures)
    if not wanted:
        return
    made = screen_of(ledger, screen)
    answer: Answer[dict[str, list[float]]] = sandbox.call(
        FIT,
        contained(ledger.files, FOLDER).absolute(),
        [expert.key for expert in made.experts],
        wanted,
        made.config.seed,
        timeout=FIT_SECONDS,
    )
    if answer.ok:
        put_fits(ledger, screen, wanted, answer.value)
    else:
        on_message(f"screen {screen} has no fits of {len(wanted)} controls: {answer.problem}")
