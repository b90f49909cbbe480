"""A finished candidate with real weights, to be exported."""

import hashlib

import torch
from ledger_maker import Maker
from safetensors.torch import save_file
from torch import nn

from nas.ledger import NewCandidate
from nas.schema import Outcome, Status

CODE = '''"""A model that needs torch alone."""

from torch import nn


def build(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, num_classes))
'''


def trained(maker: Maker, *, keep: bool = True, digest: bool = True) -> str:
    """A finished candidate with real weights, and their digest; its key."""
    drawn = NewCandidate(candidate=maker.candidate("ant_s", "bee_s"), code=CODE)
    leased = maker.store.draw(lambda _: drawn)
    assert leased is not None
    attempt = maker.start(leased)
    weights = "weights.safetensors" if keep else None
    if weights:
        folder = maker.ledger.files / str(maker.campaign) / leased.candidate.key / str(attempt)
        save_file(model().state_dict(), folder / weights)
    outcome = Outcome(
        status=Status.OK, epochs=2, val_acc=0.9, test_acc=0.875, uniform_test_acc=0.85, params=30730
    )
    outcome = outcome.with_(weights=weights)
    if weights and digest:
        known = hashlib.sha256((folder / weights).read_bytes()).hexdigest()
        outcome = outcome.with_(weights_sha256=known)
    assert maker.store.finish(leased, attempt, outcome, final=True)
    return leased.candidate.key


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))
