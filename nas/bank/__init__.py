"""The expert bank: trained experts with their predictions, kept for whoever mixes them.

One folder an expert, named by its candidate's key, so by member, data, split, resolution, recipe,
template and seed. Files carry checksums; what is damaged is told and rebuilt.
"""

from nas.bank.entry import FOLDER, FORMAT, PARTS, SPLITS, Entry, Part
from nas.bank.store import Bank, BankError

__all__ = ["FOLDER", "FORMAT", "PARTS", "SPLITS", "Bank", "BankError", "Entry", "Part"]
