"""The ledger's answers for people and scripts: tables, one candidate, exported files."""

from nas.report.audit_text import format_audit
from nas.report.escape import markdown
from nas.report.render import FORMATS, render
from nas.report.terminal import Terminal

__all__ = ["FORMATS", "Terminal", "format_audit", "markdown", "render"]
