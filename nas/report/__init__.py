"""The ledger's answers for people and scripts: tables, one candidate, exported files."""

from nas.report.audited import audited
from nas.report.marks import markdown
from nas.report.render import FORMATS, render
from nas.report.terminal import Terminal

__all__ = ["FORMATS", "Terminal", "audited", "markdown", "render"]
