"""Trials and data as tests of training share them."""

from train_fixtures import digits, few, image_folder, make_trial

__all__ = ["digits", "few", "image_folder", "make_trial"]
