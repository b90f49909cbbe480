"""Which campaign is meant, told where it was guessed."""

from typing import TYPE_CHECKING

from nas.cli.console import note

if TYPE_CHECKING:
    from nas.ledger import Ledger


def campaign_named(ledger: "Ledger", typed: str | None) -> str:
    """A campaign's name: what was typed, or the latest search's. A guess among several is printed
    beside the answer. Raises ProblemError where there is none of that name."""
    name = ledger.campaign(typed).name
    if typed is None and len(ledger.campaign_names()) > 1:
        note(f"campaign {name}, the latest search; -c names another")
    return name
