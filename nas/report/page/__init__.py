"""The report as one page: a self-contained HTML file, or the same page kept fresh by a server.

from nas.report.page import page, page_data

`page(ledger, campaign)` → the bytes of `nas report --html`; `page(…, live="data.json")` the same
page, which then requests `page_data(ledger, campaign)` as JSON from there every few seconds.
"""

from nas.report.page.build import page, to_json
from nas.report.page.data import page_data

__all__ = ["page", "page_data", "to_json"]
