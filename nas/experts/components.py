"""The experts of a bank as tensors in one order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.experts import SPLITS, Bank, BankError, Entry

COMPONENTS = 32
"""Numbers of principal components: D for a gate, V per expert for a probe."""


@dataclass(frozen=True)
class ExpertPredictions:
    """The predictions of E experts for every image."""

    entries: tuple[Entry, ...]
    """Sorted by family, then model."""
    logits: dict[str, Tensor]
    """By split, float32 `(E, C, N)`: classes before images, so that work on one class is dense."""
    labels: dict[str, Tensor]
    """By split, int64 `(N,)`."""
    features: dict[str, Tensor]
    """By split, float32 `(N, D)`: principal components of all experts' features together, with
    mean 0 and deviation 1 on the held-out images."""
    views: dict[str, Tensor]
    """By split, float32 `(E, N, V)`: each expert's own principal components, of mean 0 and, summed
    over components, variance 1 on the held-out images; 0 for an expert without features."""

    def within(
        self, members: NDArray[np.int64], params: int | None, latency: float | None
    ) -> NDArray[np.bool_]:
        """Which mixtures `(Q, k)` have at most so many parameters, and take at most so many seconds
        an image with their experts one after another; none with an expert whose latency is not
        measured."""
        allowed = np.ones(len(members), dtype=bool)
        if params is not None:
            allowed &= np.array([e.params for e in self.entries])[members].sum(axis=1) <= params
        if latency is not None:
            allowed &= self.seconds(members) <= latency
        return allowed

    def seconds(self, members: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of one image through the experts of mixtures `(Q, k)`, one after another `(Q,)`; NaN
        where it is not measured."""
        each = np.array([entry.image_seconds for entry in self.entries])
        total: NDArray[np.float64] = each[members].sum(axis=1)
        return total

    def on(self, device: torch.device | str) -> Self:
        """The same on the device that scores mixtures."""

        def moved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            return {split: x.to(device) for split, x in tensors.items()}

        return replace(
            self,
            logits=moved(self.logits),
            labels=moved(self.labels),
            features=moved(self.features),
            views=moved(self.views),
        )

    @property
    def families(self) -> tuple[str, ...]:
        """Each expert's family, `(E,)`."""
        return tuple(entry.family for entry in self.entries)


def load(bank: Bank, entries: Sequence[Entry]) -> ExpertPredictions:
    """Reads and checks all predictions.

    Raises BankError for a damaged file, and for experts with different labels or numbers of images
    or classes.
    """
    ordered = tuple(sorted(entries, key=lambda e: (e.family, e.model)))
    found: dict[str, list[Tensor]] = {split: [] for split in SPLITS}
    labels: dict[str, Tensor] = {}
    for entry in ordered:
        for split, (logits, truth) in bank.logits(entry).items():
            known = labels.setdefault(split, truth)
            if not torch.equal(known, truth) or len(logits) != len(truth):
                raise BankError(
                    f"{entry.model} and {ordered[0].model} have predictions for different images",
                    where=f"{bank.folder / entry.key}, split {split}",
                    fix="`nas bank --check` finds what is damaged",
                )
            if not bool(torch.isfinite(logits).all()):
                raise BankError(
                    f"{entry.model} predicts numbers that are not finite",
                    where=str(bank.folder / entry.key),
                    fix="remove that folder and type `nas bank` again",
                )
            found[split].append(logits.T.contiguous())
    classes = {logits.shape[0] for logits in found["val"]}
    if len(classes) > 1:
        raise BankError("the experts tell different numbers of classes", where=str(bank.folder))
    own = [_principal(bank.features(entry)) for entry in ordered]
    if not any(own):
        raise BankError(
            "no expert of the bank has features, which gates look at", where=str(bank.folder)
        )
    images = {split: len(truth) for split, truth in labels.items()}
    return ExpertPredictions(
        entries=ordered,
        logits={split: torch.stack(tensors) for split, tensors in found.items()},
        labels=labels,
        features=_together(own),
        views={
            split: torch.stack([_view(parts, split, n) for parts in own])
            for split, n in images.items()
        },
    )


Parts = dict[str, Tensor]
"""By split `(N, F)`; empty for an expert without features."""


def _together(own: Sequence[Parts]) -> Parts:
    """Principal components of all experts': each first by itself, so that wide ones do not outweigh
    the others."""
    level = [_level(parts) for parts in own if parts]
    joined = {split: torch.cat([parts[split] for parts in level], dim=1) for split in SPLITS}
    return _level(_principal(joined))


def _principal(parts: Parts) -> Parts:
    """`(N, min(COMPONENTS, F, N_held))`: features of mean 0 and deviation 1 on `held`, turned to
    where they vary most."""
    if not parts:
        return {}
    held = parts["held"].float()
    mean = held.mean(dim=0)
    spread = (held - mean).std(dim=0).clamp(min=1e-6)
    scaled = {split: (x.float() - mean) / spread for split, x in parts.items()}
    _, _, directions = torch.linalg.svd(scaled["held"], full_matrices=False)
    return {split: x @ directions[:COMPONENTS].T for split, x in scaled.items()}


def _level(parts: Parts) -> Parts:
    """Each component with deviation 1 on `held`."""
    size = parts["held"].std(dim=0).clamp(min=1e-6)
    return {split: x / size for split, x in parts.items()}


def _view(parts: Parts, split: str, images: int) -> Tensor:
    """`(N, COMPONENTS)`, with zeros for components that there are not."""
    view = torch.zeros(images, COMPONENTS)
    if parts:
        size = parts["held"].var(dim=0).sum().sqrt().clamp(min=1e-6)
        view[:, : parts[split].shape[1]] = parts[split] / size
    return view
