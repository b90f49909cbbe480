"""Settings of a network that the recipe changes while it trains."""

from torch import nn

from nas.faults import BuildError
from nas.schema import Recipe
from nas.schema.ramp import value_at


class Knobs:
    """The recipe's `knobs`, set on a network that has `set_knobs` (`templates/_routing.py.j2`)."""

    def __init__(self, model: nn.Module, recipe: Recipe) -> None:
        self._set = getattr(model, "set_knobs", None)
        self._knobs = recipe.knobs
        self._known: dict[str, float] = {}

    def at(self, share: float) -> None:
        """Sets them to their values at a share of training, in [0, 1].

        Raises BuildError for one that the network does not have.
        """
        values = {name: value_at(knob, share) for name, knob in self._knobs.items()}
        if self._set is None or values == self._known:
            return
        try:
            self._set(**values)
        except TypeError as error:
            raise BuildError(f"the model does not take the recipe's knobs: {error}") from error
        self._known = values
