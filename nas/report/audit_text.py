"""Formats the audit of the draws, with which every report begins."""

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from nas.stats import AuditResult


def format_audit(verdict: "AuditResult") -> Text:
    """The audit's lines; warnings and a biased result in red."""
    first, *warnings = verdict.lines
    style = "bold red" if verdict.verdict == "biased" else "dim"
    return Text("\n").join([Text(first, style), *(Text(line, "red") for line in warnings)])
