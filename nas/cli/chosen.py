"""Which campaign a command works on."""

from typing import TYPE_CHECKING

from nas.cli.console import note

if TYPE_CHECKING:
    from nas.ledger import Ledger


def campaign_named(ledger: "Ledger", typed: str | None) -> str:
    """A campaign's name: the given one, or that of the latest search, which is then printed to
    stderr if there are several. Raises ProblemError if there is none."""
    name = ledger.campaign(typed).name
    if typed is None and len(ledger.campaign_names()) > 1:
        note(f"campaign {name}, the latest search; -c names another")
    return name
