"""The audit's verdict for a person: what every report begins with."""

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from nas.stats import AuditResult


def format_audit(verdict: "AuditResult") -> Text:
    """Its lines, red where there is something to see to."""
    first, *warnings = verdict.lines
    style = "bold red" if verdict.verdict == "biased" else "dim"
    return Text("\n").join([Text(first, style), *(Text(line, "red") for line in warnings)])
