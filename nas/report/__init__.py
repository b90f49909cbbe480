"""The ledger's answers for people and scripts: tables, one candidate, exported files."""

from nas.report.render import FORMATS, render

__all__ = ["FORMATS", "render"]
