"""Experiment trackers, one a file, named like the file: `--log tensorboard`, `--log mlflow`.

The ledger is the record; a tracker shows it in another tool. `nas.campaign.trackers.base` defines
the interface.
"""
