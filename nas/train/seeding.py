"""Randomness that depends only on the trial's seed and the epoch."""

import random

import numpy as np
import torch


def seed_everything(seed: int, epoch: int) -> int:
    """Seeds torch (all devices), numpy and `random` for one epoch of a trial.

    Because each epoch starts from its own seed, no generator's state needs to be saved: a
    resumed trial draws what an uninterrupted one draws, whatever ran in the process before.
    Returns a seed for the caller's own generators. Epoch 0 is the building of the model.
    """
    wide, narrow, own = (int(n) for n in np.random.SeedSequence((seed, epoch)).generate_state(3))
    torch.manual_seed(wide)
    np.random.seed(narrow)
    random.seed(narrow)
    return own
