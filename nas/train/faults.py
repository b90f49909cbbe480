"""What a candidate can do wrong, besides exhausting the memory."""


class BuildError(Exception):
    """The rendered module does not load, or its model does not build. The cause is chained."""


class NonFiniteLossError(ArithmeticError):
    """A loss or a gradient became NaN or infinite."""
