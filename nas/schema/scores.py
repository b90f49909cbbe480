"""The scores of a screen that may choose what is trained."""

PREDICTORS = (
    *("uniform", "uniform_loss", "oracle", "best_member", "params", "latency"),
    *("probe", "probe_loss", "static", "static_loss", "gate", "gate_loss"),
)
"""Those that may predict the accuracy after training: test scores are not among them."""
CORRECTED = "corrected"
"""Not a stored score: predictions of a surrogate model, see nas.stats.surrogate."""
