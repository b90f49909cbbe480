"""Builds the page as one file: HTML, style, scripts, plotly and data."""

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

from nas.ledger import Ledger
from nas.report.page.data import page_data
from nas.report.stats_process import StatsProcess
from nas.schema.visible import visible_json

_ASSETS = Path(__file__).with_name("assets")
_SCRIPTS = ("format.js", "tables.js", "figures.js", "card.js", "page.js")


def page(
    ledger: Ledger,
    campaign: str | None = None,
    *,
    live: str | None = None,
    stats: StatsProcess | None = None,
) -> bytes:
    """A campaign's report as one self-contained UTF-8 HTML file.

    With `live`, an address relative to the page such as `data.json`, the page requests
    `to_json(page_data(…))` from there every few seconds and redraws in place; it supports ETag and
    status 304. `stats` as in `page_data`. Raises ProblemError as `page_data`.
    """
    with ThreadPoolExecutor(1) as pool:
        library = pool.submit(_plotly)  # compressed while the data is computed
        data = page_data(ledger, campaign, stats)
        return _filled(data, live, *library.result())


def to_json(data: Mapping[str, Any]) -> bytes:
    """Page data as JSON in ASCII, with control characters and text-direction marks escaped."""
    return visible_json(json.dumps(data, separators=(",", ":"), allow_nan=False)).encode()


def _filled(data: Mapping[str, Any], live: str | None, library: str, library_hash: str) -> bytes:
    """The page with its parts filled in. A campaign's data is embedded only as base64, never as
    HTML or script, and the Content-Security-Policy allows only the page's two scripts, by hash."""
    script = "\n".join(_asset(name) for name in _SCRIPTS)
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}' '{library_hash}';"
        " style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none';"
        + (" connect-src 'self'" if live else "")
    )
    parts = {
        "policy": policy,
        "style": _asset("page.css"),
        "script": script,
        "plotly": library,
        "data": _packed(to_json({"live": live, "data": data}), level=6),
    }
    text = _asset("page.html")
    for name, value in parts.items():
        before, mark, after = text.partition("{{" + name + "}}")
        assert mark, name
        text = before + value + after
    return text.encode()


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _plotly() -> tuple[str, str]:
    """plotly.js, compressed, and its hash. It comes from the installed plotly package."""
    from plotly.offline import get_plotlyjs

    library = get_plotlyjs()
    return _packed(library.encode(), level=4), _hash(library)


def _packed(data: bytes, level: int) -> str:
    return base64.b64encode(gzip.compress(data, level, mtime=0)).decode()


def _hash(script: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
