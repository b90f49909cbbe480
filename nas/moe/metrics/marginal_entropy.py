"""How undecided the gate is about all tokens together."""

from math import log

from nas.moe.totals import RoutingTotals


def marginal_entropy(totals: RoutingTotals) -> float:
    """Entropy of the mean of the probabilities of a pass's tokens, in nats: ln E when experts are
    equally probable, 0 when one is certain for every token.

    At least `gate_entropy`; the difference is the mutual information of token and expert, which is
    0 where the gate does not look at its tokens.
    """
    shares = [probability / totals.tokens for probability in totals.probs]
    return -sum(p * log(p) for p in shares if p > 0)
