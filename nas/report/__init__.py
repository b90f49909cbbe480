"""The ledger's answers for people and scripts: tables, one candidate, exported files."""

from nas.report.audited import audited
from nas.report.render import FORMATS, escaped, render

__all__ = ["FORMATS", "audited", "escaped", "render"]
