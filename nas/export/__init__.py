"""What leaves the ledger as files: a model with its card, a tabular benchmark, an Optuna study."""
