"""`nas dashboard`: real requests to a real process."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from dashboard_client import ask, running
from ledger_maker import Maker
from real_nas import run as nas

from nas.report import dashboard
from nas.report.dashboard import CachedResponse, Response
from nas.schema import ProblemError

HERE = Path(__file__).parent


@contextmanager
def served(maker: Maker) -> Iterator[int]:
    command = ("-m", "nas.cli", "dashboard", "--port", "0", "--db", str(maker.path))
    with running(*command, cwd=Path(maker.path).parent) as (_, port):
        yield port


def drawn(body: bytes) -> str:
    """The sentence that counts the candidates."""
    return str(json.loads(body)["headline"])


def test_it_serves_the_page_and_its_data_and_nothing_else(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.9, inside=(0.8, 0.7))
    with served(maker) as port:
        answer, body = ask(port, "/")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert body.lstrip().lower().startswith(b"<!doctype html>")
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in answer.headers
        answer, body = ask(port)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        assert json.loads(body)["campaign"] == "first"
        assert drawn(body).startswith("1 candidate drawn")
        for path in (
            *("/runs.db", "/../runs.db", "/%2e%2e/runs.db", "//etc/passwd", "/data.json/", "/nas"),
            *("/assets/page.js", "/.", "/?/../runs.db/.."),
        ):
            expected = 200 if path.startswith("/?") else 404
            assert ask(port, path)[0].status == expected, path
        for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE"):
            assert ask(port, method=method)[0].status == 501, method
        assert ask(port, "/favicon.ico")[0].status == 204


def test_only_this_machine_can_ask_and_training_goes_first(maker: Maker) -> None:
    command = ("-m", "nas.cli", "dashboard", "-p", "0", "--db", str(maker.path))
    with running(*command, cwd=Path(maker.path).parent) as (process, port):
        listens = psutil.Process(process.pid).net_connections()
        assert [c.laddr for c in listens if c.status == psutil.CONN_LISTEN] == [("127.0.0.1", port)]
        assert psutil.Process(process.pid).nice() == min(19, psutil.Process().nice() + 10)


def test_a_ledger_without_a_campaign_says_so_and_then_shows_the_first(tmp_path: Path) -> None:
    from nas.ledger import Ledger

    Ledger(tmp_path / "runs.db", read_only=False).close()
    with running("-m", "nas.cli", "dashboard", "-p", "0", cwd=tmp_path) as (_, port):
        answer, body = ask(port)
        assert (answer.status, json.loads(body)["campaign"]) == (200, None)
        Maker(tmp_path / "runs.db").failed("ant_s", "bee_s")
        time.sleep(dashboard.FRESH_SECONDS)
        deadline = time.monotonic() + 120
        while json.loads(ask(port)[1])["campaign"] != "first":
            assert time.monotonic() < deadline
            time.sleep(0.2)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST:{port}", 200),
        ("[::1]:{port}", 200),
        ("localhost:9000", 200),  # through a tunnel: ssh -L 9000:localhost:8765
        ("evil.example", 403),
        ("evil.example:{port}", 403),
        ("localhost.evil.example:{port}", 403),
        ("127.0.0.1.evil.example", 403),
        ("evil.example/localhost", 403),
        ("127x0y0z1:{port}", 403),
        ("192.168.0.7:{port}", 403),
        ("", 403),
    ],
)
def test_a_name_made_to_point_here_is_refused(
    host: str, status: int, shared: tuple[Maker, int]
) -> None:
    _, port = shared
    for path in ("/", "/data.json"):
        answer, body = ask(port, path, Host=host.format(port=port))
        assert answer.status == status
        assert (b"first" in body) is False or status == 200


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Maker, int]]:
    maker = Maker(tmp_path_factory.mktemp("shared") / "runs.db")
    maker.trained("ant_s", "bee_s", val=0.9, inside=(0.8, 0.7))
    with served(maker) as port:
        yield maker, port


def test_a_request_without_a_host_is_refused(shared: tuple[Maker, int]) -> None:
    with socket.create_connection(("127.0.0.1", shared[1]), timeout=30) as raw:
        raw.sendall(b"GET /data.json HTTP/1.0\r\n\r\n")
        assert raw.makefile("rb").readline().split()[1] == b"403"


def test_what_has_not_changed_is_not_sent_again(shared: tuple[Maker, int]) -> None:
    maker, port = shared
    answer, body = ask(port)
    tag = answer.headers["ETag"]
    again, nothing = ask(port, If_None_Match=tag)
    assert (again.status, nothing, again.headers["ETag"]) == (304, b"", tag)
    time.sleep(dashboard.FRESH_SECONDS + 0.1)  # read anew, and still the same
    assert ask(port, If_None_Match=tag)[0].status == 304
    maker.trained("ant_s", "cat_s", val=0.7)
    before = drawn(body)
    deadline = time.monotonic() + 120
    while (new := ask(port, If_None_Match=tag))[0].status == 304:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert new[0].headers["ETag"] != tag
    assert (before[:1], drawn(new[1])[:1]) == ("1", "2")


def test_browsers_that_go_away_are_no_trouble(shared: tuple[Maker, int]) -> None:
    for sent in (b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", shared[1]), timeout=30) as raw:
                raw.sendall(sent)
                # Reset, not closed: what is being sent fails.
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert ask(shared[1])[0].status == 200  # and `served` finds its stderr empty


def test_reading_all_the_time_never_refuses_a_writer(tmp_path: Path) -> None:
    """A writer that waits for no lock at all, and a server that reads at every request."""
    path, until = str(tmp_path / "runs.db"), tmp_path / "enough"
    writer = subprocess.Popen(
        [sys.executable, str(HERE.parent / "helpers" / "ledger_writer.py"), path, str(until)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == "begun\n"
        with running(str(HERE / "dashboard_server.py"), path, cwd=tmp_path) as (_, port):
            counts = []
            for _ in range(12):
                answer, body = ask(port)
                assert answer.status == 200, body
                counts.append(int(drawn(body).split()[0]) if "drawn:" in drawn(body) else 0)
    finally:
        until.touch()
        messages, _ = writer.communicate(timeout=60)
    written, refused = map(int, messages.split())
    assert refused == 0
    assert written > 20
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]  # it read while there was writing


def test_a_taken_port_is_reported_in_one_line(maker: Maker) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = nas("dashboard", "--port", str(port), cwd=Path(maker.path).parent)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert f"port {port} is taken" in done.stderr
    assert "--port 0" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--db", "none.db"], 2, ["no ledger", "nas search"]),
        (["--campaign", "fisrt"], 2, ["did you mean first"]),
        (["--port", "65536"], 2, ["--port"]),
    ],
)
def test_bad_input_is_reported(
    arguments: list[str], code: int, words: list[str], maker: Maker
) -> None:
    done = nas("dashboard", "-p", "0", *arguments, cwd=Path(maker.path).parent)
    assert done.returncode == code
    for word in words:
        assert word in done.stderr


def test_what_goes_wrong_later_is_reported_in_the_browser(maker: Maker) -> None:
    with served(maker) as port:
        maker.ledger.close()
        Path(maker.path).rename(Path(maker.path).with_name("moved.db"))
        answer, body = ask(port)
        assert answer.status == 503
        assert body.startswith(b"nas: ")
        assert b"there is no ledger here" in body


def test_whoever_asks_at_once_gets_one_answer() -> None:
    made: list[int] = []

    def make() -> Response:
        made.append(len(made))
        time.sleep(0.05)
        return Response(b"x", '"x"')

    kept = CachedResponse(make, clock=lambda: 0.0)
    threads = [threading.Thread(target=kept.get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [0]


def test_an_answer_that_took_long_is_kept_longer() -> None:
    times = iter([0.0, 3.0, 14.9, 15.1, 15.2, 17.1, 17.3, 17.4])
    made: list[Any] = []

    def make() -> Response:
        made.append(1)
        return Response(b"x", '"x"')

    kept = CachedResponse(make, clock=lambda: next(times))
    kept.get()  # took 3 s: kept for 12 more
    kept.get()  # at 14.9
    assert len(made) == 1
    kept.get()  # at 15.1, took 0.1 s: kept for 2 s
    kept.get()  # at 17.1
    assert len(made) == 2
    kept.get()  # at 17.3
    assert len(made) == 3


def test_a_failure_is_not_kept() -> None:
    answers = iter([ProblemError("locked"), Response(b"x", '"x"')])

    def make() -> Response:
        answer = next(answers)
        if isinstance(answer, ProblemError):
            raise answer
        return answer

    kept = CachedResponse(make, clock=lambda: 0.0)
    with pytest.raises(ProblemError):
        kept.get()
    assert kept.get().body == b"x"
