"""A dashboard's process, and questions to it."""

import http.client
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit


@contextmanager
def running(*command: str, cwd: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server's process and its port; Ctrl-C at the end, after which it must be well."""
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # What a shell starts in the background ignores Ctrl-C, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    try:
        messages = process.stdout.readline()
        assert messages.startswith("http://127.0.0.1:"), (
            messages + process.communicate(timeout=30)[1]
        )
        yield process, urlsplit(messages.split()[0]).port or 0
    finally:
        process.send_signal(signal.SIGINT)
        _, wrong = process.communicate(timeout=30)
    assert (process.returncode, wrong) == (0, "")


def ask(
    port: int, path: str = "/data.json", method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, headers=named)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()
