"""Which GPU a trial goes to: shares on one device never add up to more than 1."""


class Shares:
    """What is taken of each GPU, in shares of its memory."""

    def __init__(self, gpus: int) -> None:
        self._taken = [0.0] * gpus

    def place(self, share: float) -> int | None:
        """Takes a share of the fullest GPU that still has it; None when none has.

        The fullest, so that whole ones stay free for trials that need a whole one.
        """
        fits = [i for i, taken in enumerate(self._taken) if taken + share <= 1.0 + 1e-9]
        if not fits:
            return None
        best = max(fits, key=lambda i: (self._taken[i], -i))
        self._taken[best] += share
        return best

    def free(self, gpu: int, share: float) -> None:
        self._taken[gpu] -= share
