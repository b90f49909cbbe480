"""Training in which a mixture gets another expert when it no longer improves."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nas.faults import BuildError
from nas.schema import Axis
from nas.train.optimizer import replace_parameters
from nas.train.procedures.base import Procedure
from nas.train.scoring import Score


class Growth(Procedure):
    """Adds an expert after an epoch on a plateau below the target, of a model that has `grow` and
    `structure` (`templates/_growing.py.j2`).

    A plateau: the best validation accuracy of the last `window` epochs is less than `min_gain`
    above the best before them. The expert that most images chose is split: its copy gets noise of
    `noise` standard deviations of each parameter, and its optimizer state; or the new one is
    `fresh`. Never more than `max_experts`, never within `cooldown` epochs after a growth, and not
    after the last epoch. The cures of BorisovAI's "Load Balancing Fixes Runaway Expert Growth in
    MoE Models" are a cooldown of 5, the loss `kl` (entropy maximisation of the batch's mean
    probabilities) and a weaker model at the start.

    Events: `growth`, with the expert that was split, the number of experts after it and the
    accuracy before it.
    """

    axes = (
        Axis("target", 0.97, minimum=0.0, maximum=1.0),
        Axis("window", 3, minimum=1, maximum=1000),
        Axis("min_gain", 0.004, minimum=-1.0, maximum=1.0),
        Axis("cooldown", 5, minimum=0, maximum=1000),
        Axis("max_experts", 18, minimum=1, maximum=256),
        Axis("noise", 0.5, minimum=0.0, maximum=100.0),
        Axis("split", "copy", values=("copy", "fresh")),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._accs: list[float] = []
        self._grown: int | None = None

    def prepare(self) -> None:
        if not all(callable(getattr(self.model, name, None)) for name in ("grow", "structure")):
            raise BuildError("the procedure growth needs a model that can grow")
        most = int(self.settings["max_experts"])
        if most < self.experts:
            raise BuildError(f"max_experts is {most}, and it begins with {self.experts} experts")

    @property
    def experts(self) -> int:
        """How many experts the model has now."""
        structure: Mapping[str, int] = self.model.structure()  # type: ignore[operator]
        return structure["experts"]

    def after_epoch(self, epoch: int, val: Score) -> None:
        self._accs.append(val.acc)
        reason = self.why_grow(epoch)
        if reason is None:
            return
        [layer] = val.routing.values()
        parent = max(range(layer.experts), key=lambda n: layer.chosen[n])
        self._grow(parent, epoch)
        self._grown, self.last_score = epoch, None
        self.record("growth", reason, expert=parent, experts=self.experts, val_acc=val.acc)

    def why_grow(self, epoch: int) -> str | None:
        """Why an expert is added after an epoch, whose accuracy is the last known; None: it is
        not."""
        settings, best = self.settings, max(self._accs)
        window = int(settings["window"])
        resting = self._grown is not None and epoch - self._grown <= int(settings["cooldown"])
        if (
            resting
            or epoch == self.recipe.epochs
            or len(self._accs) <= window
            or best >= float(settings["target"])
            or self.experts >= int(settings["max_experts"])
        ):
            return None
        before, recent = max(self._accs[:-window]), max(self._accs[-window:])
        if recent - before >= float(settings["min_gain"]):
            return None
        return (
            f"best accuracy {best:.1%} below the target of {float(settings['target']):.1%},"
            f" {100 * (recent - before):+.1f} points in {window} epoch{'s'[: window > 1]}"
        )

    def _grow(self, parent: int, epoch: int) -> None:
        fresh = self.settings["split"] == "fresh"
        [seed] = np.random.SeedSequence((self.seed, epoch, self.experts)).generate_state(1)
        pairs = self.model.grow(  # type: ignore[operator]
            parent, noise=float(self.settings["noise"]), fresh=fresh, seed=int(seed)
        )
        replace_parameters(self.optimizer, pairs, source=None if fresh else parent)

    def rebuild(self, state: Mapping[str, Any]) -> None:
        while self.experts < state["experts"]:
            self.model.grow(0)  # type: ignore[operator]

    def restore(self, state: dict[str, Any]) -> None:
        super().restore(state)
        self._accs, self._grown = list(state["accs"]), state["grown"]

    def state_dict(self) -> dict[str, Any]:
        more = {"experts": self.experts, "accs": list(self._accs), "grown": self._grown}
        return super().state_dict() | more
