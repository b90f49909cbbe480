"""The campaign's loop: propose, evaluate, record; with budget, stopping and resuming."""
