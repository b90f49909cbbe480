"""The report as one page: a self-contained HTML file, or the same page updated by a server.

from nas.report.page import page, page_data

`page(ledger, campaign)` returns the bytes of `nas report --html`. With `live="data.json"`, the page
requests `page_data(ledger, campaign)` as JSON from that address every few seconds.
"""

from nas.report.page.build import page, to_json
from nas.report.page.data import page_data

__all__ = ["page", "page_data", "to_json"]
