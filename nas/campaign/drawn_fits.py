"""Probes, static weights and gates of what was drawn and a screen has not fitted: controls."""

from collections.abc import Callable

from nas.contained import contained
from nas.experts import FOLDER
from nas.ledger import CampaignStore
from nas.ledger.screens import put_fits, screen_of, unfitted
from nas.processes import Answer, Sandbox

FIT = "nas.experts.screen:fits_of"
"""Imported where it runs: it needs torch."""
FIT_SECONDS = 1800.0


def fit_drawn(
    store: CampaignStore, screen: int, sandbox: Sandbox, say: Callable[[str], None]
) -> None:
    """Fits, in the sandbox, what the screen could say of a campaign's candidates and does not, so
    that reports can hold it against what training gave. Where the bank has changed since, or that
    takes longer than FIT_SECONDS, `say` is told and the reports do without.

    Proposals don't see these fits.
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
        say(f"screen {screen} stays without fits of {len(wanted)} controls: {answer.problem}")
