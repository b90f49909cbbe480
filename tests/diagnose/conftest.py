"""Data of tests of instruments, as tests of training share them."""

from train_fixtures import digits, few

__all__ = ["digits", "few"]
