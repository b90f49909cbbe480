"""Early stopping with rungs in the ledger, each decided once."""

from nas.campaign.asha import Asha
from nas.ledger import CampaignStore, LeasedCandidate
from nas.schema import Epoch, Outcome, Role, Status


class Rungs:
    """Decides after an epoch whether a candidate of the search stops, and records it."""

    def __init__(self, store: CampaignStore) -> None:
        self._store = store

    def decide(self, leased: LeasedCandidate, epoch: Epoch, seconds: float) -> Outcome | None:
        """The outcome of a candidate that stops after this epoch; None if it continues.

        Controls and confirmations continue: they are compared at equal epochs. `seconds` is the
        attempt's time so far.
        """
        asha = Asha(leased.candidate.recipe.epochs)
        rung = asha.rung_at(epoch.epoch)
        if rung is None or leased.role is not Role.SEARCH:
            return None
        # A resumed trial passes rungs that were decided before; their decisions stand.
        promoted = self._store.decided(leased, rung)
        if promoted is None:
            others = self._store.rung_values(rung, leased)
            promoted = asha.promote(epoch.val_acc, others)
            self._store.put_rung(leased, rung, epoch.epoch, epoch.val_acc, promoted)
        if promoted:
            return None
        return Outcome(
            status=Status.PRUNED,
            stage="train",
            message=f"stopped at rung {rung} (epoch {epoch.epoch})",
            epochs=epoch.epoch,
            val_acc=epoch.val_acc,
            val_loss=epoch.val_loss,
            seconds=seconds,
            peak_memory_bytes=epoch.peak_memory_bytes,
            rung=rung,
        )
