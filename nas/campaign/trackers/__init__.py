"""Experiment trackers, one a file, named like the file: `--log tensorboard`, `--log mlflow`.

The ledger is the record; these are views of it for those who work with such tools already. See
`nas.campaign.trackers.base` for what each promises.
"""
