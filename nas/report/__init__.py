"""Reports: tables for people and scripts, one candidate, the page, the display of a campaign."""

from nas.report.audit_text import format_audit
from nas.report.escape import markdown
from nas.report.render import FORMATS, render
from nas.report.terminal import Terminal

__all__ = ["FORMATS", "Terminal", "format_audit", "markdown", "render"]
