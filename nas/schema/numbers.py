"""Numbers as a person reads them: in one form everywhere on the screen."""


def percent(share: float, digits: int = 2) -> str:
    """A share in [0, 1] as percent: `93.41 %`."""
    return f"{100 * share:.{digits}f} %"
