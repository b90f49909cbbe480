"""`nas dashboard`: serves the report's page with current data, on the loopback address only.

It only reads: each refresh is one short read transaction, for which no writer waits. Data is
computed on request, so nothing is computed while no browser shows the page.
"""

import errno
import hashlib
import re
import socketserver
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

from nas.ledger import Ledger
from nas.schema import ProblemError, one_line
from nas.schema.visible import visible

ADDRESS = "127.0.0.1"
DATA = "data.json"
FRESH_SECONDS = 2.0
"""Maximum age of a response."""
REST = 4.0
"""A response is kept for at least this multiple of the time that computing it took: a campaign may
need the processor."""
IDLE_SECONDS = 30.0
"""Time after which an idle connection is closed."""

_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)
_HEADERS = {
    # The page's own policy is stricter and lists its scripts by hash; this one adds directives that
    # only a header can set.
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data: blob:; object-src 'none';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Response:
    """A response body and its ETag."""

    body: bytes
    tag: str


class CachedResponse:
    """Computes a response if the last one is too old; concurrent requests share one computation."""

    def __init__(self, make: Callable[[], Response], *, clock: Callable[[], float]) -> None:
        self._make = make
        self._clock = clock
        self._lock = threading.Lock()
        self._answer: Response | None = None
        self._until = 0.0

    def get(self) -> Response:
        """The response. Exceptions of its computation are raised; the next call tries again."""
        with self._lock:
            start = self._clock()
            if self._answer is None or start >= self._until:
                self._answer = self._make()
                now = self._clock()
                self._until = now + max(FRESH_SECONDS, REST * (now - start))
            return self._answer


class Dashboard(ThreadingHTTPServer):
    """Serves `/` and `/data.json`; `serve_forever` until Ctrl-C."""

    def __init__(
        self,
        ledger: Ledger,
        campaign: str | None = None,
        port: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts listening at `url`; port 0 chooses a free port.

        `campaign`: None for the latest, determined at each request. Raises ProblemError for an
        unknown campaign, and if the port is not available.
        """
        if campaign is not None:
            ledger.campaign(campaign)
        ledger.close()  # no connection is kept between requests
        self.answers = {
            "/": (
                "text/html; charset=utf-8",
                CachedResponse(lambda: _page(ledger, campaign), clock=clock),
            ),
            f"/{DATA}": (
                "application/json",
                CachedResponse(lambda: _data(ledger, campaign), clock=clock),
            ),
        }
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            raise ProblemError(
                f"port {port} {'is taken' if taken else 'cannot be listened at'}",
                where=ADDRESS,
                fix="choose another with --port; --port 0 takes a free one",
            ) from None
        except OverflowError:
            raise ProblemError(f"no port is numbered {port}", fix="write --port 8765") from None

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/"

    def server_bind(self) -> None:
        """Skips HTTPServer's look-up of this machine's name, which can take seconds."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = ADDRESS, self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignores a closed connection; prints other errors."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Dashboard
    protocol_version = "HTTP/1.1"
    server_version = "nas"
    sys_version = ""
    timeout: ClassVar[float] = IDLE_SECONDS

    def do_GET(self) -> None:
        # Against DNS rebinding: another site's page, whose name resolves to this address, sends
        # that name as Host.
        if not _LOOPBACK.fullmatch(self.headers.get("Host", "")):
            self._plain(HTTPStatus.FORBIDDEN, f"Ask for it by the address {self.server.url}")
            return
        path = urlsplit(self.path).path
        if path == "/favicon.ico":
            self._send(HTTPStatus.NO_CONTENT, b"", {})
            return
        if path not in self.server.answers:
            self._plain(HTTPStatus.NOT_FOUND, "There is nothing here.")
            return
        kind, kept = self.server.answers[path]
        try:
            answer = kept.get()
        except ProblemError as error:
            self._plain(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
            return
        except Exception as error:  # an analysis may raise anything
            self._plain(HTTPStatus.INTERNAL_SERVER_ERROR, one_line(error))
            return
        if answer.tag in self.headers.get("If-None-Match", ""):
            self._send(HTTPStatus.NOT_MODIFIED, b"", {"ETag": answer.tag})
            return
        self._send(HTTPStatus.OK, answer.body, {"Content-Type": kind, "ETag": answer.tag})

    def _plain(self, status: HTTPStatus, text: str) -> None:
        kind = {"Content-Type": "text/plain; charset=utf-8"}
        self._send(status, f"nas: {visible(text)}\n".encode(), kind)

    def _send(self, status: HTTPStatus, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, **headers}.items():
            self.send_header(name, value)
        if status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: requests come every few seconds."""


def _page(ledger: Ledger, campaign: str | None) -> Response:
    from nas.report.page import page

    return _tagged(page(ledger, campaign, live=DATA))


def _data(ledger: Ledger, campaign: str | None) -> Response:
    from nas.report.page import page_data, to_json

    data = page_data(ledger, campaign)
    return Response(to_json(data), _tagged(to_json({**data, "made_at": 0})).tag)


def _tagged(body: bytes) -> Response:
    return Response(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
