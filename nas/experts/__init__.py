"""The bank of trained experts, and scores of their mixtures without training.

The bank keeps trained experts with their predictions: one folder an expert, named by its
candidate's key, so by member, data, split, resolution, recipe, template and seed. Files carry
checksums; damage is reported and rebuilt. `screen`, in the module of that name, scores
mixtures of banked experts.

Shapes throughout: E experts in the bank, k in a mixture, Q mixtures, N images, C classes,
D features. Nothing is imported here that imports torch.
"""

from nas.experts.bank import Bank, BankError
from nas.experts.entry import FOLDER, FORMAT, PARTS, SPLITS, Entry, Part

__all__ = ["FOLDER", "FORMAT", "PARTS", "SPLITS", "Bank", "BankError", "Entry", "Part"]
